"""Vectors in Parquet files, in a folder or in S3. Nothing beyond ``store.opening`` knows of it."""

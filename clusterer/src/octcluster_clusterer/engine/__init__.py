"""What computes on blocks of vectors: this process, or the workers of a Dask cluster."""

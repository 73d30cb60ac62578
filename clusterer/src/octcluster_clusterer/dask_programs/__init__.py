"""The parts of a Dask cluster as programs: scheduler and worker."""

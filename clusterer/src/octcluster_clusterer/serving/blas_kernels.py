"""The code that multiplies matrices here: it decides the last bits of every result."""

from threadpoolctl import threadpool_info


def name_blas_kernels() -> str:
    """Names the BLAS kernels that NumPy and SciPy use in this process.

    OpenBLAS takes a kernel for the kind of processor that it finds, or what ``OPENBLAS_CORETYPE`` names.

    Returns:
        Library, version and kernel of each, sorted: ``openblas 0.3.30 Haswell, openblas 0.3.31 Haswell``.
    """
    libraries = [entry for entry in threadpool_info() if entry["user_api"] == "blas"]
    names = {_name(entry["internal_api"], entry["version"], entry.get("architecture")) for entry in libraries}
    return ", ".join(sorted(names))


def _name(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)

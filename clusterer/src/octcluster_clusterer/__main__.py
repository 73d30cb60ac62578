"""Starts the clusterer: ``octcluster-clusterer`` or ``python -m octcluster_clusterer``."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from octcluster_serving.errors import ServingError
from octcluster_serving.starting import kept_imports

from octcluster_clusterer.memory import return_freed_memory
from octcluster_clusterer.store.opening import VectorPlace

# The heavy libraries are imported only when the server is to start: a bad setting is told at once, and a
# health check every few seconds costs little.
# ruff: noqa: PLC0415

# Threads of OpenMP and OpenBLAS that wait for their next piece of work would spin, and take the processors
# from the embedder beside them. So they sleep, those of OpenBLAS after 2**16 cycles.
_SLEEPING_THREADS = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_THREAD_TIMEOUT": "16"}
# Arrow would keep what it freed: after puts of 50 MB it held 340 MB, with this 55 MB.
_RETURNED_MEMORY = {"ARROW_DEFAULT_MEMORY_POOL": "system"}

# SciPy copies all names of NumPy, and thereby imports these, of which it uses nothing.
_UNUSED_PARTS_OF_NUMPY = ("f2py", "testing")
# The client of Redis imports it for measures of its own, which nobody asks it for, and does without it.
_UNUSED_METRICS = "opentelemetry.sdk.metrics"


def main() -> int:
    """Runs the server until it is asked to stop, or does what else is asked; returns the exit code."""
    with kept_imports():
        from octcluster_clusterer.settings import Settings

    settings = Settings.load()
    if settings.check_health:
        with kept_imports():
            from octcluster_serving.health import check_health

            from octcluster_clusterer.serving.service import CLUSTERER

        return check_health(CLUSTERER, settings)

    from octcluster_serving.logs import set_up_logs

    set_up_logs(settings.log_level, settings.log_format)
    if settings.compact_store:
        return _compact(settings.vector_place)
    return_freed_memory()
    os.environ.update(_SLEEPING_THREADS | _RETURNED_MEMORY | os.environ)
    with kept_imports(), _parts_of_numpy_left_out(), _metrics_of_redis_left_out():
        from octcluster_clusterer.serving.server import serve

    try:
        asyncio.run(serve(settings))
    except ServingError as error:
        print(f"octcluster-clusterer: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _compact(place: VectorPlace) -> int:
    from octcluster_clusterer.errors import StoreUnavailable
    from octcluster_clusterer.store.parquet.opening import compact_all

    try:
        for done in compact_all(place.url, place.timeout_seconds):
            print(done)
    except StoreUnavailable as error:
        print(f"octcluster-clusterer: {error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _parts_of_numpy_left_out() -> Iterator[None]:
    """Spares imports of the block two parts of NumPy: 0.2 s and 6 MB of each start. Later ones find them."""
    import numpy as np

    left_out = [name for name in _UNUSED_PARTS_OF_NUMPY if f"numpy.{name}" not in sys.modules]
    for name in left_out:
        sys.modules[f"numpy.{name}"] = ModuleType(f"numpy.{name}")
        setattr(np, name, sys.modules[f"numpy.{name}"])
    try:
        yield
    finally:
        for name in left_out:
            del sys.modules[f"numpy.{name}"]
            delattr(np, name)


@contextmanager
def _metrics_of_redis_left_out() -> Iterator[None]:
    """Spares imports of the block OpenTelemetry's metrics: 0.05 s of each start. Later ones find them."""
    if _UNUSED_METRICS in sys.modules:
        yield
        return
    sys.modules[_UNUSED_METRICS] = None  # type: ignore[assignment] # as the language has it: "not to be found"
    try:
        yield
    finally:
        del sys.modules[_UNUSED_METRICS]


if __name__ == "__main__":
    sys.exit(main())

"""``octcluster-dask-worker``: reads blocks of vectors and computes on them, one at a time."""

import sys
import tempfile
from contextlib import ExitStack

from octcluster_serving.starting import kept_imports

from octcluster_clusterer.dask_programs.health import check_health
from octcluster_clusterer.dask_settings import WorkerSettings

# Small arrays come and go all the time. Dask has the memory of each go back to the system, which takes longer
# than the work on it.
_REUSED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**26)}
# A worker is one processor's. Threads of numeric libraries would wait for each other, and keep processors
# busy with that: the map of a million took six times its processor time.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main() -> int:
    """Runs a worker, in a process that is started anew when it ends, until it is asked to stop."""
    settings = WorkerSettings.load()
    if settings.check_health:
        return check_health(settings.place)

    # A bad setting is told before the heavy libraries come.
    with kept_imports():
        from distributed import Nanny  # noqa: PLC0415

        from octcluster_clusterer.dask_programs.serving_part import HTTP_ADDRESS, run_part  # noqa: PLC0415
        from octcluster_clusterer.engine.dask_security import make_security  # noqa: PLC0415
        from octcluster_clusterer.engine.worker_tasks import VectorsPlugin  # noqa: PLC0415

    with ExitStack() as stack:
        folder = settings.spill_folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="oct-dask-"))
        options: dict[str, object] = {"distributed.nanny.pre-spawn-environ": _REUSED_MEMORY | _ONE_THREAD}
        if settings.spill_folder is None:
            options |= {"distributed.worker.memory.target": False, "distributed.worker.memory.spill": False}

        def make_nanny() -> Nanny:
            return Nanny(
                settings.scheduler,
                host=settings.host,
                nthreads=1,
                memory_limit=int(settings.memory_limit),
                local_directory=str(folder),
                security=make_security(settings.place),
                dashboard_address=HTTP_ADDRESS,
                plugins=(VectorsPlugin(settings.vector_place),),
            )

        return run_part(make_nanny, options)


if __name__ == "__main__":
    sys.exit(main())

"""``octcluster-dask-scheduler``: hands the blocks of a run to workers."""

import sys

from octcluster_serving.addresses import split_address
from octcluster_serving.starting import kept_imports

from octcluster_clusterer.dask_programs.health import check_health
from octcluster_clusterer.dask_settings import SchedulerSettings

# A worker that is silent for so long, its network cut perhaps, is given up, and its work is done by others.
_SILENT_WORKER = "30s"


def main() -> int:
    """Runs the scheduler until it is asked to stop; returns the exit code."""
    settings = SchedulerSettings.load()
    if settings.check_health:
        return check_health(settings.place)

    # A bad setting is told before the heavy libraries come.
    with kept_imports():
        from distributed import Scheduler  # noqa: PLC0415

        from octcluster_clusterer.dask_programs.serving_part import HTTP_ADDRESS, run_part  # noqa: PLC0415
        from octcluster_clusterer.engine.dask_security import make_security  # noqa: PLC0415

    host, port = split_address(settings.listen)

    def make_scheduler() -> Scheduler:
        return Scheduler(
            host=host,
            port=port,
            protocol=settings.place.address.partition("://")[0],
            security=make_security(settings.place),
            dashboard_address=HTTP_ADDRESS,
            dashboard=False,
        )

    return run_part(make_scheduler, {"distributed.scheduler.worker-ttl": _SILENT_WORKER})


if __name__ == "__main__":
    sys.exit(main())

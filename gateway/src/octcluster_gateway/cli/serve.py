"""``octcluster-gateway serve``."""

from octcluster_serving.errors import ServingError
from octcluster_serving.logs import set_up_logs
from octcluster_serving.starting import kept_imports

from octcluster_gateway.errors import CannotListen, CannotStart
from octcluster_gateway.settings import ServeSettings


def run(arguments: list[str]) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code."""
    settings = ServeSettings.load(arguments)
    set_up_logs(settings.log_level, settings.log_format, silent=("pydicom", "pynetdicom", "highdicom"))
    # Imported here: a bad setting is told at once.
    with kept_imports():
        from octcluster_gateway.serving.gateway import serve  # noqa: PLC0415

    try:
        serve(settings)
    except ServingError as error:
        raise (CannotListen if error.exit_code == 1 else CannotStart)(str(error)) from error
    return 0

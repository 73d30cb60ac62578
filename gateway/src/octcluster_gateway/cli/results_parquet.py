"""``octcluster-gateway results parquet FILE``: the results as a table."""

from octcluster_gateway.command_settings import ParquetSettings
from octcluster_gateway.errors import CannotStart
from octcluster_gateway.results.json_lines import FILE_NAME
from octcluster_gateway.results.parquet import write_parquet


def run(arguments: list[str]) -> int:
    """Writes the table, and prints the number of its rows; returns the exit code.

    Raises:
        CannotStart: There are no results, or the table cannot be written.
    """
    settings = ParquetSettings.load(arguments)
    lines = settings.results / FILE_NAME
    if not lines.is_file() or not lines.stat().st_size:
        raise CannotStart(f"there are no results yet in {settings.results}")
    print(write_parquet(settings.results, settings.file))
    return 0

"""The index of a spool that another process may serve."""

from pathlib import Path

from octcluster_gateway.errors import CannotStart
from octcluster_gateway.spool.index import Index

INDEX_NAME = "index.sqlite"
IDENTITIES_NAME = "identities.sqlite"


def open_index(folder: Path) -> Index:
    """Opens the index of a spool that is there.

    Raises:
        CannotStart: There is none.
    """
    path = folder / INDEX_NAME
    if not path.is_file():
        raise CannotStart(f"--spool {folder} is no spool: give the folder that 'serve' was given")
    return Index(path)

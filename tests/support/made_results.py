"""Folders of finished runs with made-up clusters, for tests of the explorer that need no server."""

import functools
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.outcome import RunOutcome
from outcomes import add_trust, make_outcome

MOMENT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
ARGUMENTS = {"images": "/data/secret-folder"}


def write_result(folder: Path, outcome: RunOutcome | None = None) -> Path:
    """Writes the files of a run: 80 images of four classes in four clusters, unless it is another one."""
    folder.mkdir(exist_ok=True)
    if outcome is not None:
        write_run_files(outcome, folder, ARGUMENTS, MOMENT)
        return folder
    for name, content in _usual_files().items():
        (folder / name).write_bytes(content)
    return folder


@functools.cache
def _usual_files() -> Mapping[str, bytes]:
    """Written once a process: the report takes most of the time."""
    with tempfile.TemporaryDirectory() as folder:
        write_run_files(add_trust(make_outcome()), Path(folder), ARGUMENTS, MOMENT)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}

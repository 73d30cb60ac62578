"""Runs that have been done, as the command names them: by the folder of their outputs, or by their id."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from octcluster.model.errors import InvalidArguments


@dataclass(frozen=True)
class FinishedRun:
    """What is known of a run before its clusterer is asked.

    Attributes:
        run_id: Its id.
        classes: Names of its classes, in the order of their numbers; empty if they are not known.
        arguments: The arguments it was called with; empty if they are not known.
    """

    run_id: str
    classes: Sequence[str] = ()
    arguments: Mapping[str, str | None] = field(default_factory=dict)


def find_run(reference: str) -> FinishedRun:
    """Finds a run.

    Args:
        reference: Folder that ``octcluster run`` wrote, or a run id.

    Returns:
        The run.

    Raises:
        InvalidArguments: There is no such folder or run record, or it is no id.
    """
    record = Path(reference, "run.json")
    if record.is_file():
        try:
            content = json.loads(record.read_text(encoding="utf-8"))
            return FinishedRun(content["run_id"], content["classes"], content["arguments"])
        except (ValueError, KeyError, TypeError):
            raise InvalidArguments(
                f"{record} does not say which run it is of: it is damaged, or of an older release; "
                "do the run again"
            ) from None
    if re.fullmatch(r"[0-9a-f]{32}", reference):
        return FinishedRun(reference)
    raise InvalidArguments(
        f"{reference} is no finished run: give the folder that 'octcluster run' wrote its outputs into, with "
        "its run.json, or the id of a run"
    )

"""Runs that have been done, as the command names them: by their folder, their model file, or their id."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from octcluster.model.errors import InvalidArguments
from octcluster.model.run_model import RunModel
from octcluster.workflows.cluster_names import read_cluster_names
from octcluster.workflows.model_file import FILE_NAME, read_model
from octcluster.workflows.result_files import check_result


@dataclass(frozen=True)
class FinishedRun:
    """What is known of a run before its clusterer is asked.

    Attributes:
        run_id: Its id.
        classes: Names of its classes, in the order of their numbers; empty if they are not known.
        arguments: The arguments it was called with; empty if they are not known.
        model: What puts other images into its clusters; None: only its clusterer may have that.
        folder: Folder of its outputs; None if it is not known.
        not_kept: Why its clusterer could not keep it, as it said then; empty if it could, or is not known.
    """

    run_id: str
    classes: Sequence[str] = ()
    arguments: Mapping[str, str | None] = field(default_factory=dict)
    model: RunModel | None = None
    folder: Path | None = None
    not_kept: str = ""


def find_run(reference: str) -> FinishedRun:
    """Finds a run.

    Args:
        reference: Folder that ``octcluster run`` wrote, the file ``model.npz`` out of it, or a run id.

    Returns:
        The run.

    Raises:
        InvalidArguments: There is no such folder, file or run record, it is damaged, it holds files of
            several runs, or it is no id.
    """
    path = Path(reference)
    record = path / "run.json"
    if record.is_file():
        return _read_folder(path, record)
    folder = path if (path / FILE_NAME).is_file() else None
    if folder is not None:
        path /= FILE_NAME
    if path.is_file():
        model = read_model(path)
        if folder is not None:
            check_result(folder, model)
        return FinishedRun(model.run_id, sorted(model.class_sizes or {}), _list_arguments(model), model)
    if re.fullmatch(r"[0-9a-f]{32}", reference):
        return FinishedRun(reference)
    raise InvalidArguments(
        f"{reference} is no finished run: give the folder that 'octcluster run' wrote its outputs into, its "
        f"{FILE_NAME}, or the id of a run"
    )


def _read_folder(folder: Path, record: Path) -> FinishedRun:
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        run = FinishedRun(
            str(content["run_id"]),
            list(content["classes"]),
            dict(content["arguments"]),
            folder=folder,
            not_kept=str(content.get("not_kept") or ""),
        )
        told = content["model_sha256"]
    except (ValueError, KeyError, TypeError):
        raise InvalidArguments(
            f"{record} does not say which run it is of: it is damaged, or of an older release; "
            "do the run again"
        ) from None
    file = folder / FILE_NAME
    model = read_model(file) if file.is_file() else None
    check_result(folder, model)
    if model is None:
        return run
    if model.digest != told:
        raise InvalidArguments(
            f"{file} is not that of the run in {record}: give the one or the other alone, or do the run again"
        )
    names = read_cluster_names(folder, model.result_id)
    return replace(run, model=replace(model, cluster_names=names))


def _list_arguments(model: RunModel) -> dict[str, str | None]:
    """What the file alone says of the arguments: the embedder that is started must have the run's model."""
    return {"model": model.space.model}

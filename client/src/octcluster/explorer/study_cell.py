"""A combination of a study as a run of its own, so that its images can be explored.

A study keeps scores, and no image's cluster. Its vectors are in the cache: to do a single combination again
takes seconds, and gives the same clusters. The run's files go into ``cells/N`` in the folder of the study.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from octcluster.images.folder import find_images
from octcluster.images.image_set import ImageSet, sample_per_class
from octcluster.images.scan_choice import ALL, choose_scans
from octcluster.model.errors import InvalidArguments
from octcluster.model.progress import Progress
from octcluster.model.recipes import Recipe
from octcluster.outputs.folder import prepared_folder
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.run import RunOptions, run_images
from octcluster.workflows.services import ServiceOptions
from octcluster.workflows.study import PartState
from octcluster.workflows.study_file import parse_matrix
from octcluster.workflows.study_matrix import Part

RECORD = "study.json"
_FOLDER = "cells"
_STUDY = "study"
_NAMES = ("features", "preparation", "algorithm", "k")


def do_cell(
    study: Path,
    number: int | None,
    find_services: Callable[[FinishedRun], ServiceOptions],
    progress: Progress,
) -> Path:
    """Does a combination of a study as a run, unless that has been done.

    Args:
        study: The study's folder.
        number: Row of ``study.csv``, from 1.
        find_services: Makes of the study's arguments the services to use.
        progress: Told how far it is.

    Returns:
        The folder of the run.

    Raises:
        InvalidArguments: There is no such combination, or the study does not tell what was done.
        OctclusterError: It could not be done; the message says what to do.
    """
    record = _read_record(study)
    cells = record["cells"]
    if number is None or not 1 <= number <= len(cells):
        raise InvalidArguments(
            f"{study} is the folder of a study with {len(cells)} combinations: name one by its row of "
            f"study.csv (--cell N, from 1 to {len(cells)}, its heading not counted)"
        )
    if cells[number - 1]["state"] != PartState.DONE:
        reason = cells[number - 1].get("reason") or "the study has not come to it"
        raise InvalidArguments(f"combination {number} of {study} was not done: {reason}")
    cell = {name: cells[number - 1][name] for name in _NAMES}
    asked = {**cell, "images": record["arguments"]["request"]["images"], "seed": record["seed"]}
    folder = study / _FOLDER / str(number)
    if (folder / "run.json").is_file():
        _check_cell(folder, asked)
        return folder
    part = _find_part(study, record, cell)
    arguments = {**record["arguments"], "command": "run", "model": part.feature_set.model, _STUDY: asked}
    options = _make_options(part, cell, record["seed"], find_services(FinishedRun("", arguments=arguments)))
    images = _find_images(arguments, record["seed"], progress)
    with prepared_folder(folder, "run", progress.message):
        write_run_files(run_images(images, options, progress), folder, arguments, datetime.now(UTC))
    return folder


def _read_record(study: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((study / RECORD).read_bytes())
        if not isinstance(record["arguments"]["request"]["matrix"], str):
            raise TypeError
        for cell in record["cells"]:
            for name in (*_NAMES, "state"):
                cell[name]
        int(record["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InvalidArguments(
            f"{study / RECORD} does not tell what the study did: it is damaged, or of an older release; do "
            "the study again"
        ) from None
    return record


def _check_cell(folder: Path, asked: Mapping[str, object]) -> None:
    try:
        done = json.loads((folder / "run.json").read_bytes())["arguments"][_STUDY]
    except (OSError, ValueError, KeyError, TypeError):
        done = None
    if done != asked:
        raise InvalidArguments(
            f"{folder} holds another combination, of an earlier study in this folder: move it away, with "
            "what was done in it"
        )


def _find_part(study: Path, record: Mapping[str, Any], cell: Mapping[str, Any]) -> Part:
    """What the study's matrix says of a combination."""
    for part in parse_matrix(record["arguments"]["request"]["matrix"], study / RECORD).parts:
        is_part = (part.feature_set.name, part.preparation_name) == (cell["features"], cell["preparation"])
        counts = (None, *range(part.min_clusters, part.max_clusters + 1))
        if is_part and cell["algorithm"] in part.algorithms and cell["k"] in counts:
            return part
    raise InvalidArguments(f"{study / RECORD} does not fit its matrix: it is damaged; do the study again")


def _make_options(part: Part, cell: Mapping[str, Any], seed: int, services: ServiceOptions) -> RunOptions:
    features, k = part.feature_set, cell["k"] or part.min_clusters
    recipe = Recipe(
        "",
        features.features,
        features.flip,
        part.preparation,
        (cell["algorithm"],),
        part.images_a_component,
        features.views,
    )
    options = RunOptions(recipe=recipe, min_clusters=k, max_clusters=k, seed=seed, umap=False)
    given = {name: getattr(services, name) for name in ServiceOptions.__dataclass_fields__}
    return replace(options, **{**given, "model": features.model, "stability_resamples": 0})


def _find_images(arguments: Mapping[str, Any], seed: int, progress: Progress) -> ImageSet:
    """The images of the study."""
    images = find_images(Path(arguments["images"]), arguments.get("labels") or "auto", progress)
    images = choose_scans(images, arguments.get("scans") or ALL)
    count = arguments.get("per_class")
    return images if count is None else sample_per_class(images, count, seed)

"""Combinations of a study that cannot be explored; tests/e2e/test_study.py explores one."""

import json
from pathlib import Path
from typing import Any

import pytest
from octcluster.explorer.study_cell import do_cell
from octcluster.model.errors import InvalidArguments
from octcluster.model.progress import Silence
from octcluster.workflows.services import ServiceOptions
from small_study import MATRIX

CELL = {"features": "pixels", "preparation": "reduced", "algorithm": "kmeans", "k": 2, "state": "done"}


def write_study(folder: Path, **changes: Any) -> Path:
    arguments = {"images": str(folder / "images"), "request": {"matrix": MATRIX, "images": "00"}}
    record = {
        "seed": 0,
        "arguments": arguments,
        "cells": [CELL, {**CELL, "state": "failed", "reason": "why"}],
    }
    folder.mkdir()
    (folder / "study.json").write_text(json.dumps({**record, **changes}))
    return folder


def do(study: Path, number: int | None) -> Path:
    return do_cell(study, number, lambda _: ServiceOptions(), Silence())


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (None, r"a study with 2 combinations: name one by its row of study\.csv \(--cell N, from 1 to 2"),
        (3, r"--cell N, from 1 to 2"),
        (2, "combination 2 of .* was not done: why"),
    ],
)
def test_a_combination_must_have_been_done(number: int | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match=message):
        do(write_study(tmp_path / "study"), number)


@pytest.mark.parametrize(
    "changes",
    [{"seed": None}, {"cells": [{}]}, {"cells": None}, {"arguments": {}}, {"arguments": {"request": {}}}],
)
def test_a_study_that_does_not_tell_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match=r"does not tell what the study did: it is damaged, or of an"):
        do(write_study(tmp_path / "study", **changes), 1)


def test_a_combination_that_is_not_in_the_matrix_is_refused(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", cells=[{**CELL, "k": 9}])
    with pytest.raises(InvalidArguments, match="does not fit its matrix: it is damaged; do the study again"):
        do(study, 1)


def test_a_combination_that_is_there_is_taken_unless_it_is_of_another_study(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    folder = study / "cells" / "1"
    folder.mkdir(parents=True)
    asked = {name: CELL[name] for name in ("features", "preparation", "algorithm", "k")}
    record = {"arguments": {"study": {**asked, "images": "00", "seed": 0}}}
    (folder / "run.json").write_text(json.dumps(record))
    assert do(study, 1) == folder
    for other in ({"arguments": {"study": {**asked, "images": "11", "seed": 0}}}, {}):
        (folder / "run.json").write_text(json.dumps(other))
        with pytest.raises(InvalidArguments, match="holds another combination, of an earlier study"):
            do(study, 1)

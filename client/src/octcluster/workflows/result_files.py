"""The files of a run's folder, each of which names the run: files of two runs are no result.

run.json, scores.json   the keys run_id and result_id
model.npz               the same, in its model.json
assignments.parquet     the same, in the metadata of the file
report.html             the same, in its head
*.csv                   the column result_id
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from octcluster.model.errors import InvalidArguments
from octcluster.model.run_model import RunModel
from octcluster.workflows.model_file import FILE_NAME
from octcluster.workflows.result_id import RESULT_ID

RUN_ID = "run_id"
PARQUET_PREFIX = "octcluster_"
PAGE_PREFIX = "octcluster:"
_HEAD_BYTES = 4096
_DIGITS_SHOWN = 12
_ID = re.compile(r"[0-9a-f]{32}")
_IN_PAGE = re.compile(rb'<meta name="' + PAGE_PREFIX.encode() + rb'(\w+)" content="(\w+)">')
# A spreadsheet program may have saved the table with another separator.
_IN_HEADING = re.compile(rf'(?:^|([,;\t|]))"?{RESULT_ID}"?([,;\t|]|$)')

Ids = Mapping[str, str]


def check_result(folder: Path, model: RunModel | None) -> None:
    """Makes sure that all files of a run's folder are of one run.

    Args:
        folder: What ``octcluster run`` wrote its files into.
        model: What its ``model.npz`` holds; None: it has none.

    Raises:
        InvalidArguments: They are of several runs, or one does not say of which; the message names the files.
    """
    found = {
        name: _read_ids(folder / name, read) for name, read in _READERS.items() if (folder / name).is_file()
    }
    if model is not None:
        found[FILE_NAME] = {RUN_ID: model.run_id, RESULT_ID: model.result_id}
    for kind in (RESULT_ID, RUN_ID):
        files: dict[str, list[str]] = {}
        for name, ids in found.items():
            if kind in ids:
                files.setdefault(ids[kind], []).append(name)
        if len(files) > 1:
            of = kind.removesuffix("_id")
            listed = "; ".join(
                f"{', '.join(names)} of the {of} {told[:_DIGITS_SHOWN]}" for told, names in files.items()
            )
            raise InvalidArguments(f"{folder} holds files of {len(files)} runs: {listed}. {_cure(folder)}")


def _cure(folder: Path) -> str:
    model = folder / FILE_NAME
    alone = f"give {model} alone if it is of the run that you mean, " if model.is_file() else ""
    return f"Put the files of one run together again, {alone}or do the run again into a new folder"


def _read_ids(path: Path, read: Callable[[Path], Ids]) -> Ids:
    try:
        return read(path)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        if isinstance(error, OSError) and error.errno is not None:  # Arrow has none where a file is damaged.
            raise InvalidArguments(f"cannot read {path}: {error.strerror}") from error
        raise InvalidArguments(
            f"{path} does not say which one run it is of: it was changed, is damaged, or is none of "
            f"octcluster's. {_cure(path.parent)}, or take it out of the folder if it is your own"
        ) from None


def _read_json(path: Path) -> Ids:
    document = json.loads(path.read_bytes())
    return {name: _check(document[name]) for name in (RUN_ID, RESULT_ID)}


def _read_page(path: Path) -> Ids:
    with path.open("rb") as file:
        found = dict(_IN_PAGE.findall(file.read(_HEAD_BYTES)))
    return {name: found[name.encode()].decode() for name in (RUN_ID, RESULT_ID)}


def _read_parquet(path: Path) -> Ids:
    """Raises ValueError if it is none; tells nothing without pyarrow (extra cli)."""
    try:
        from pyarrow.parquet import read_schema  # noqa: PLC0415
    except ModuleNotFoundError:
        return {}
    told = read_schema(path).metadata or {}
    return {name: told[f"{PARQUET_PREFIX}{name}".encode()].decode() for name in (RUN_ID, RESULT_ID)}


def _read_table(path: Path) -> Ids:
    """Raises ValueError if the rows do not all have one id."""
    data = path.read_bytes()
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "surrogateescape")
    named = _IN_HEADING.search(text.partition("\n")[0].rstrip("\r"))
    if named is None:
        raise ValueError
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=named[1] or named[2] or ",")
    column = next(rows).index(RESULT_ID)
    (told,) = {row[column] if column < len(row) else "" for row in rows if row}
    return {RESULT_ID: _check(told)}


def _check(told: Any) -> str:
    if not isinstance(told, str) or not _ID.fullmatch(told):
        raise ValueError
    return told


_TABLES = ("assignments.csv", "eyes.csv", "duplicates.csv", "failures.csv", "warnings.csv")
_READERS: Mapping[str, Callable[[Path], Ids]] = {
    "run.json": _read_json,
    "scores.json": _read_json,
    "report.html": _read_page,
    "assignments.parquet": _read_parquet,
    **dict.fromkeys(_TABLES, _read_table),
}

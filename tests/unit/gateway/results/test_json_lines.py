"""Each result is one line of the file, once, wherever the gateway ended."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from octcluster_gateway.model import State
from octcluster_gateway.results.json_lines import FILE_NAME, JsonLines
from octcluster_gateway.spool.entries import Arrival
from octcluster_gateway.spool.index import Index


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    opened = Index(tmp_path / "index.sqlite")
    yield opened
    opened.close()


def finish(index: Index, number: int, *lines: str) -> None:
    with index.transaction():
        spool_id = index.add(Arrival(f"{number}.dcm", "1.2", f"1.2.{number}", "1.2", 1, "0", "A"))
    index.finish(
        spool_id, State.DONE, "", [(eye, line) for eye, line in zip(("OD", "OS"), lines, strict=False)]
    )


def read(folder: Path) -> list[str]:
    return (folder / FILE_NAME).read_text().splitlines()


def test_each_result_is_written_once(tmp_path: Path, index: Index) -> None:
    lines = JsonLines(tmp_path)
    finish(index, 1, "one", "two")
    assert (lines.write_unwritten(index), lines.write_unwritten(index)) == (2, 0)
    finish(index, 2, "three")
    lines.write_unwritten(index)
    lines.close()
    assert read(tmp_path) == ["one", "two", "three"]


@pytest.mark.parametrize("written", [0, 1, 2, 3], ids=str)
@pytest.mark.parametrize("torn", ["", "thr", "x" * 100_000])
def test_an_end_between_file_and_index(tmp_path: Path, index: Index, written: int, torn: str) -> None:
    first = JsonLines(tmp_path)
    finish(index, 1, "before")
    first.write_unwritten(index)
    first.close()
    names = ["first", "second", "third"]
    for number, name in enumerate(names, start=2):
        finish(index, number, name)
    # The file has got some of them, and part of a line; the index was not told of any.
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write("".join(f"{name}\n" for name in names[:written]) + torn)
    again = JsonLines(tmp_path)
    assert again.write_unwritten(index) == 3 - written
    again.close()
    assert read(tmp_path) == ["before", *names]
    assert index.list_unwritten() == []


def test_equal_lines_of_two_objects_are_both_written(tmp_path: Path, index: Index) -> None:
    lines = JsonLines(tmp_path)
    lines.write_unwritten(index)
    for number in (1, 2):
        finish(index, number, "same")
        lines.write_unwritten(index)
    lines.close()
    assert read(tmp_path) == ["same", "same"]

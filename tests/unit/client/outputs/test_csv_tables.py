"""CSV tables survive odd names."""

import csv
import os
from pathlib import Path

import pytest
from octcluster.outputs.csv_tables import format_table


@pytest.mark.parametrize(
    "name", ['a,"b".png', "=1+1.png", "line\nbreak.png", "carriage\rreturn.png", "é\u2028.png", " blank .png"]
)
def test_odd_names_survive_a_csv_reader(name: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(format_table(("image", "reason"), [(name, name)]))
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["image", "reason"], [name, name]]


def test_a_name_that_is_no_utf_8_keeps_its_bytes() -> None:
    name = os.fsdecode(b"caf\xe9.png")
    assert format_table(("image",), [(name,)]) == b"image\ncaf\xe9.png\n"

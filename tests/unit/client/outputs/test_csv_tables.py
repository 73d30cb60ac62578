"""CSV tables survive odd names."""

import csv
import os
from pathlib import Path

import pytest
from octcluster.images.formulas import unquote_formula
from octcluster.outputs.csv_tables import format_table


@pytest.mark.parametrize(
    "name", ['a,"b".png', "line\nbreak.png", "carriage\rreturn.png", "é\u2028.png", " blank .png"]
)
def test_odd_names_survive_a_csv_reader(name: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(format_table(("image", "reason"), [(name, name)]))
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["image", "reason"], [name, name]]


@pytest.mark.parametrize(
    "name",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1+1", "=cmd|' /C calc'!A0", "-b.png", "\uff1d1"],
)
def test_what_a_spreadsheet_would_compute_gets_a_quote_which_a_table_of_labels_loses(name: str) -> None:
    _, row = csv.reader(format_table(("label",), [(name,)]).decode().splitlines(keepends=True))
    assert row == [f"'{name}"]
    assert unquote_formula(row[0]) == name


@pytest.mark.parametrize(
    "cell", ["-0.120000", "+3", "-1", "1e-05", "-1.5E+10", "CNV", "'t Hooft", "a=b", "\u2212", 7, -1, -0.5]
)
def test_numbers_and_other_text_stay_as_they_are(cell: object) -> None:
    assert format_table(("x",), [(cell,)]).decode() == f"x\n{cell}\n"


def test_a_name_that_is_no_utf_8_keeps_its_bytes() -> None:
    name = os.fsdecode(b"caf\xe9.png")
    assert format_table(("image",), [(name,)]) == b"image\ncaf\xe9.png\n"

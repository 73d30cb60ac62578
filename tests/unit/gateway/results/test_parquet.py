"""The table holds what the lines hold."""

from dataclasses import asdict
from pathlib import Path

import pytest
from eye_results import make_result
from octcluster_gateway.cli.main import run_command
from octcluster_gateway.results.json_lines import FILE_NAME, format_result
from pyarrow import parquet


def test_table_holds_every_whole_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = [
        make_result(),
        make_result(patient=None, eye=None, outlier_share=None, class_name=None, instance="2.25.5"),
    ]
    lines = "".join(f"{format_result(result)}\n" for result in results)
    (tmp_path / FILE_NAME).write_text(lines + '{"use": "research use on')
    table = tmp_path / "eyes.parquet"
    assert run_command(["results", "parquet", "--results", str(tmp_path), str(table)]) == 0
    assert capsys.readouterr().out == "2\n"
    rows = parquet.read_table(table).to_pylist()
    for row, result in zip(rows, results, strict=True):
        row["versions"] = dict(row["versions"])
        assert {name: row[name] for name in asdict(result)} == asdict(result)
        assert row["use"] == "research use only"
    assert table.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE_NAME, "eyes.parquet"]


def test_without_results_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["results", "parquet", "--results", str(tmp_path), str(tmp_path / "out")]) == 2
    assert "cannot be used" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

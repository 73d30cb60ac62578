"""The table holds what the lines hold."""

import os
from dataclasses import asdict
from pathlib import Path
from threading import Thread

import pytest
from eye_results import make_result
from octcluster_gateway.cli.main import run_command
from octcluster_gateway.results.json_lines import FILE_NAME, TABLE_NAME, format_result, remove_results
from octcluster_gateway.results.table_keeper import TableKeeper
from pyarrow import parquet
from waiting import wait_until


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


def count_rows(table: Path) -> int:
    return int(parquet.read_metadata(table).num_rows)


def test_the_table_follows_the_lines_and_is_whole_at_the_end(tmp_path: Path) -> None:
    lines, table = tmp_path / FILE_NAME, tmp_path / TABLE_NAME
    lines.touch()
    line = f"{format_result(make_result())}\n"
    keeper = TableKeeper(tmp_path, 0.02)
    thread = Thread(target=keeper.run)
    thread.start()
    try:
        lines.write_text(line)
        wait_until(table.exists, 20)
        lines.write_text(2 * line)
        wait_until(lambda: count_rows(table) == 2, 20)
        lines.write_text(3 * line)
    finally:
        keeper.stop()
        thread.join()
    assert count_rows(table) == 3


def test_a_table_that_is_as_new_as_its_lines_is_left(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(f"{format_result(make_result())}\n")
    written = set()
    for _ in range(2):
        keeper = TableKeeper(tmp_path, 3600)
        keeper.stop()
        keeper.run()
        written.add((tmp_path / TABLE_NAME).stat().st_mtime_ns)
    assert len(written) == 1


def test_a_disk_that_takes_no_table_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE_NAME).write_text(f"{format_result(make_result())}\n")
    (tmp_path / TABLE_NAME).mkdir()  # takes the place of the table
    os.utime(tmp_path / TABLE_NAME, (0, 0))
    keeper = TableKeeper(tmp_path, 3600)
    keeper.stop()
    keeper.run()
    assert "eyes.parquet cannot be written" in caplog.text


def test_with_a_patient_the_table_goes(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(f"{format_result(make_result(patient='p'))}\n")
    (tmp_path / TABLE_NAME).touch()
    assert remove_results(tmp_path, "q") == 0
    assert (tmp_path / TABLE_NAME).exists()
    assert remove_results(tmp_path, "p") == 1
    assert not (tmp_path / TABLE_NAME).exists()

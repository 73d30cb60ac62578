"""What octcluster run prints."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from octcluster.cli.terminal.run import print_replaced, print_run_summary
from octcluster.outputs.run.record import format_run_record
from octcluster.workflows.outcome import RunOutcome
from outcomes import make_outcome, undefine


def summarize(outcome: RunOutcome, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    print_run_summary(outcome, Path("out"), stream)
    return stream.getvalue()


def test_the_summary_has_counts_scores_table_and_report() -> None:
    text = summarize(make_outcome(failed=3, ks=(2, 3)))
    for part in (
        "80 images: 74 embedded, 3 from the cache, 3 failed, 2 other files ignored",
        "Labels: 77 images in 4 classes (--labels folder)",
        "Features: efficientnet-lite0, pooled, 1,280 values an image (space 000102030405)",
        "K-means put 77 images into 4 clusters.",
        "It has the largest silhouette of 2 results.",
        "Failures: out/failures.csv",
        "Report: out/report.html",
        "For research use only",
    ):
        assert part in text
    lines = [line.split() for line in text.splitlines()]
    assert ["*", "K-means", "3", "4", "0", *["0.130"] * 5, "0.25"] in lines
    assert [line[0] for line in lines if line and line[0] in ("CNV", "DME", "DRUSEN", "NORMAL", "all")] == [
        "CNV", "DME", "DRUSEN", "NORMAL", "all",
    ]  # fmt: skip


def test_the_summary_without_labels_or_scores_says_so() -> None:
    text = summarize(undefine(make_outcome(classes=()), "all images are alike"))
    assert "accuracy" not in text
    assert "Labels: none are known" in text
    assert "The silhouette is undefined: all images are alike." in text


def test_noise_has_a_column_of_its_own() -> None:
    assert "cluster 3   noise" in summarize(make_outcome(noise=True))


def test_the_silhouette_without_noise_is_not_what_the_choice_compares() -> None:
    outcome = make_outcome(noise=True)
    text = summarize(outcome)
    noise = outcome.result.results[1].noise
    assert f"silhouette 0.100 of HDBSCAN is that of the {80 - noise} images that are not noise" in text
    assert f"noise counts as 0, which makes it {0.1 * (80 - noise) / 80:.3f}." in text
    assert "noise counts as 0" not in summarize(make_outcome(ks=(2, 3)))


def test_names_cannot_command_the_terminal() -> None:
    text = summarize(make_outcome(classes=("[red]a[/red]", "b\x1b[2J", "c\udce9", "d")))
    assert "[red]a[/red]" in text
    assert "b\ufffd[2J" in text
    assert "\x1b" not in text
    text.encode()


@pytest.mark.parametrize("record", [None, b"", b"[]", b"{}", b'{"started": 7}', b'{"started": "soon"}'])
def test_nothing_is_said_to_be_replaced_where_no_run_is_known(record: bytes | None, tmp_path: Path) -> None:
    if record is not None:
        (tmp_path / "run.json").write_bytes(record)
    stream = io.StringIO()
    print_replaced(tmp_path, stream)
    assert stream.getvalue() == ""


def test_the_run_that_will_be_replaced_is_named_by_its_time(tmp_path: Path) -> None:
    started = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    (tmp_path / "run.json").write_bytes(format_run_record(make_outcome(), {}, started))
    stream = io.StringIO()
    print_replaced(tmp_path, stream)
    assert stream.getvalue() == f"replacing the run of {started.astimezone():%Y-%m-%d %H:%M} in {tmp_path}\n"

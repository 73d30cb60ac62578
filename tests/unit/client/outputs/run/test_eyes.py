"""eyes.csv and the columns of eyes in assignments.csv."""

import csv
import io
from dataclasses import replace
from pathlib import Path

from known import known
from octcluster.images.eyes import gather_eyes
from octcluster.images.image_set import Scan
from octcluster.outputs.run.assignments import format_assignments
from octcluster.outputs.run.columns import list_columns
from octcluster.outputs.run.eyes import format_eyes
from octcluster.workflows.outcome import EyeClusters, RunOutcome
from outcomes import make_outcome


def make_eyes(scan_clusters: list[int | None]) -> RunOutcome:
    """Two eyes: one of three scans in cluster 1, and one of a single scan in cluster 0."""
    members = [
        Scan(Path(), name, "CNV", patient, "OD", "2024-01-31")
        for name, patient in (("a-1", "7"), ("a-2", "7"), ("a-10", "7"), ("b", "8"))
    ]
    members.sort(key=lambda scan: scan.order)
    outcome = make_outcome()
    assignments = replace(
        outcome.assignments,
        clusters=[1, 0],
        silhouettes=[0.5, None],
        x=[1, 2],
        y=[3, 4],
        distances=[5, 6],
    )
    return replace(
        outcome,
        members=members,
        assignments=assignments,
        eyes=EyeClusters(gather_eyes(members), scan_clusters),
        image_keys=[bytes([row]) * 32 for row in range(4)],
    )


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_each_eye_has_a_row_with_the_shares_of_its_scans() -> None:
    outcome = make_eyes([1, 1, 2, 0])
    first, second = read(known(format_eyes(outcome)))
    assert first == {
        "patient": "7", "eye": "OD", "visit": "2024-01-31", "scans": "3", "cluster": "1", "label": "CNV",
        "silhouette": "0.500000", "share_0": "0.0000", "share_1": "0.6667", "share_2": "0.3333",
        "share_3": "0.0000", "result_id": outcome.result_id,
    }  # fmt: skip
    assert (second["scans"], second["cluster"], second["silhouette"], second["share_0"]) == (
        "1",
        "0",
        "",
        "1.0000",
    )


def test_shares_are_empty_where_scans_have_no_clusters_of_their_own() -> None:
    first, second = read(known(format_eyes(make_eyes([None, None, None, 0]))))
    assert (first["share_0"], first["share_1"], second["share_0"]) == ("", "", "1.0000")


def test_each_image_has_its_own_cluster_and_that_of_its_eye() -> None:
    rows = read(b"".join(format_assignments(make_eyes([1, 2, 1, 0]))))
    assert [(row["image"], row["cluster"], row["eye_cluster"], row["eye_row"]) for row in rows] == [
        ("a-1", "1", "1", "1"),
        ("a-10", "2", "1", "1"),
        ("a-2", "1", "1", "1"),
        ("b", "0", "0", "2"),
    ]
    assert {row["silhouette"] for row in rows} == {""}
    columns = list_columns(make_eyes([1, 2, 1, 0]))
    assert columns["pca_x"] == [1, 1, 1, 2]
    assert len(set(map(str, columns["image_key"]))) == 4


def test_there_is_no_table_of_eyes_where_images_were_clustered() -> None:
    assert format_eyes(make_outcome()) is None

"""The strips of eyes: which eyes, their scans in order, and few pictures of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from known import known
from octcluster.images.eyes import gather_eyes
from octcluster.images.image_set import Scan
from octcluster.outputs.pages.eye_strips import MOST_EYES, MOST_SCANS, EyeStrip
from octcluster.outputs.pages.image_names import ImageNames
from octcluster.outputs.run.report.eyes import PICTURED_EYES, PICTURES_OF_EYE, build_eyes, choose_eyes
from octcluster.workflows.outcome import EyeClusters, RunOutcome
from outcomes import make_outcome


def make_eyes(scans_of_eyes: Sequence[Sequence[int | None]], clusters: list[int]) -> RunOutcome:
    """Eyes by the clusters of their scans, each by itself."""
    members = [
        Scan(Path("/nowhere"), f"secret{number:04d}/{place}.png", "CNV", f"secret{number:04d}")
        for number, scans in enumerate(scans_of_eyes)
        for place, _ in enumerate(scans)
    ]
    of_scans = [cluster for scans in scans_of_eyes for cluster in scans]
    outcome = make_outcome()
    eyes = EyeClusters(gather_eyes(members), of_scans)
    return replace(
        outcome,
        members=members,
        eyes=eyes,
        assignments=replace(
            outcome.assignments,
            clusters=clusters,
            silhouettes=[0.1] * len(clusters),
            x=[0] * len(clusters),
            y=[0] * len(clusters),
            distances=[1] * len(clusters),
        ),
    )


def name(outcome: RunOutcome, *, thumbnails: bool = False) -> ImageNames:
    return ImageNames(outcome.units, outcome.members, identified=False, thumbnails=thumbnails)


def build(outcome: RunOutcome, *, thumbnails: bool = False) -> list[EyeStrip]:
    section = known(build_eyes(outcome, name(outcome, thumbnails=thumbnails)))
    (fragment,) = section.parts[1:]
    strips = fragment.context["strips"]  # type: ignore[union-attr]
    assert isinstance(strips, list)
    return strips


def test_a_strip_has_the_scans_in_their_order_and_names_nobody() -> None:
    first, second = build(make_eyes([[1, 1, 0, 1], [0, 0]], [1, 0]))
    assert (first.name, second.name) == ("eye 2", "eye 1")
    assert second.clusters == [1, 1, 0, 1]
    assert second.summary == "Cluster 1; 75% of 4 scans lie in it. Known class: CNV."
    assert "secret" not in repr((first, second))


def test_of_each_cluster_the_eyes_whose_scans_fit_it_least_come_first() -> None:
    outcome = make_eyes([[0, 0], [0, 1], [1, 1], [0, 1]], [0, 0, 1, 1])
    assert choose_eyes(known(outcome.eyes), outcome.assignments.clusters) == [1, 0, 3, 2]


def test_thousands_of_eyes_leave_a_bounded_number_of_strips() -> None:
    outcome = make_eyes([[0] * 3] * 900 + [[1] * 2] * 900, [0] * 900 + [1] * 900)
    strips = build(outcome)
    assert len(strips) == MOST_EYES
    assert [strip.summary[:9] for strip in strips].count("Cluster 1") == MOST_EYES // 2


def test_a_long_volume_is_thinned_out_and_few_scans_of_few_eyes_are_pictured() -> None:
    outcome = make_eyes([[0] * 450] * 20, [0] * 20)
    strips = build(outcome, thumbnails=True)
    assert max(len(strip.cells) for strip in strips) <= MOST_SCANS
    pictured = [len(strip.pictures) for strip in strips]
    assert pictured == [PICTURES_OF_EYE] * PICTURED_EYES + [0] * (20 - PICTURED_EYES)
    assert all(not strip.pictures for strip in build(outcome))


def test_there_are_no_strips_of_images_nor_of_scans_without_clusters_nor_of_single_scans() -> None:
    for outcome in (make_outcome(), make_eyes([[0], [1]], [0, 1]), make_eyes([[None, None]], [0])):
        assert build_eyes(outcome, name(outcome)) is None

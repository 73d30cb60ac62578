"""The page that octcluster assign leaves."""

import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from octcluster.images.eyes import gather_eyes
from octcluster.images.image_set import Scan
from octcluster.outputs.assign.report import format_assign_report
from octcluster.outputs.pages import ReportOptions
from octcluster.workflows.outcome import AssignOutcome, EyePlacement
from octcluster.workflows.run_members import Seen
from outcomes import make_assign_outcome, show_eyes
from PIL import Image

STARTED = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def read(outcome: AssignOutcome, **options: Any) -> str:
    return format_assign_report(outcome, STARTED, ReportOptions(**options)).decode()


def make_many(n_eyes: int, scans: int) -> AssignOutcome:
    """Eyes of many scans each, in the clusters of the made-up run."""
    outcome, source = make_assign_outcome(), random.Random(0)
    members = [
        Scan(Path(), f"volume-{eye}#{scan}", patient=f"secret{eye}", eye="OD", number=scan)
        for eye in range(n_eyes)
        for scan in range(1, scans + 1)
    ]
    count = len(members)
    placements = replace(
        outcome.placements,
        image_keys=[bytes(32)] * count,
        clusters=[source.randrange(4) for _ in members],
        distances=[1.0] * count,
        margins=[source.random() for _ in members],
        outliers=[False] * count,
        percentiles=[50] * count,
    )
    eyes = [EyePlacement(eye, 0, 0.5) for eye in gather_eyes(members)]
    return replace(outcome, members=members, placements=placements, eyes=eyes, seen=[Seen.NO] * count)


def test_it_says_what_the_terminal_says_and_what_each_cluster_stands_for() -> None:
    page = read(show_eyes(make_assign_outcome(failed=2)))
    for part in (
        "For research use only",
        "2 of 80 images failed",
        "98.7% of 78 new images with a known class lie in the cluster that stands for it.",
        "It stands for DRUSEN, by the run&#39;s own images.",
        "23 images of the run made it.",
        "SHA-256 " + "cd" * 32,
        "consensus-2",
        "3 eyes: the cluster of each",
    ):
        assert part in page, part
    assert not re.search(r"(src|href)=.?https?:", page)  # it opens offline


def test_no_image_is_called_clear_and_doubtful_at_once() -> None:
    outcome = make_assign_outcome()
    doubtful = replace(outcome.placements, margins=[0.1] * len(outcome.members))
    assert "Clearest" in read(outcome)
    page = read(replace(outcome, placements=doubtful))
    assert "Most doubtful" in page
    assert "Clearest" not in page


def test_it_names_nobody_unless_it_may() -> None:
    outcome = show_eyes(make_assign_outcome())
    assert "secret" not in read(outcome)
    assert "eye 2" in read(outcome)
    page = read(outcome, identified=True)
    assert "patient secret1, OS" in page
    assert outcome.members[0].name in page


def test_an_eye_is_a_strip_of_its_scans_and_the_doubtful_come_first() -> None:
    page = read(show_eyes(make_assign_outcome()))
    strips = re.findall(r'<div class="strip" role="img" aria-label="([^"]*)">(.*?)</div>', page, re.DOTALL)
    assert len(strips) == 3
    assert page.index("small margin") < page.index('<div class="strip"')
    description, cells = strips[0]
    assert re.match(r"2[67] scans: \d+ in cluster \d", description)
    assert len(re.findall("<span", cells)) == int(description.split()[0])


def test_pictures_are_shown_only_if_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("L", (40, 30), 99).save(file)
    outcome = make_assign_outcome()
    outcome = replace(
        outcome, members=[replace(image, root=tmp_path, name=file.name) for image in outcome.members]
    )
    assert "data:image/webp" not in read(outcome)
    page = read(outcome, thumbnails=True)
    assert "data:image/webp" in page
    assert "shows images of patients" in page


@pytest.mark.heavy
def test_its_size_is_bounded_for_many_eyes_and_scans() -> None:
    page = read(make_many(300, 49))
    assert "Shown are 60 of 300 eyes" in page
    assert len(page) < 1_500_000
    assert len(read(make_many(2, 5000))) < 500_000


def test_an_eye_with_too_many_scans_for_a_request_is_told() -> None:
    outcome = show_eyes(make_assign_outcome())
    lost = replace(outcome.eyes[0], cluster=None, margin=None)
    page = read(replace(outcome, eyes=[lost, *outcome.eyes[1:]]))
    assert "1 eye with too many scans for one request" in page

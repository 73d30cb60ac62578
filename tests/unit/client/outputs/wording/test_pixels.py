"""What people are told of the pixels of images: one sentence a kind, with number, cure and file."""

import csv
import io
from pathlib import Path

from octcluster.images.framing import Framing
from octcluster.images.image_set import Scan
from octcluster.images.pixel_faults import FAULTS, FoundFault
from octcluster.outputs.warnings import format_warnings
from octcluster.outputs.wording.pixels import count_faults, describe_pixels, note_pixels
from octcluster.workflows.outcome import NO_PIXELS, PixelReport

BLANK, DARK, *_ = FAULTS


def scan(name: str) -> Scan:
    return Scan(Path(), name)


def report() -> PixelReport:
    faults = [
        (scan("a.png"), FoundFault(BLANK, "nothing can be seen in it: do this")),
        (scan("b.png"), FoundFault(DARK, "it is dark: do that")),
        (scan("c.png"), FoundFault(DARK, "it is dark, too: do that")),
    ]
    framing = Framing(mean_unseen_share=0.2, worst_unseen_share=0.4, images_cut=3, mostly_unseen=0)
    return PixelReport(faults, framing)


def test_each_kind_has_a_note_with_number_cure_and_file() -> None:
    blank, dark, unseen = note_pixels(report())
    assert (blank.kind, blank.images, blank.to_mend) == ("blank", 1, True)
    assert blank.text.startswith("1 image: nothing can be seen")
    assert "failures.csv lists it" in blank.text
    assert (dark.kind, dark.images, dark.to_mend) == ("dark", 2, True)
    assert DARK.cure[1:] in dark.text
    assert "warnings.csv lists them" in dark.text
    assert (unseen.kind, unseen.images, unseen.to_mend) == ("unseen", 3, False)
    assert "On average 20% of an image is not looked at, at most 40%" in unseen.text
    assert count_faults(report()) == {"blank": 1, "dark": 2}


def test_notes_name_no_image() -> None:
    assert not any("png" in text for text in describe_pixels(report()))


def test_nothing_is_said_of_good_images() -> None:
    assert describe_pixels(NO_PIXELS) == []
    assert describe_pixels(PixelReport((), Framing(0, 0, 0, 0))) == []
    assert describe_pixels(PixelReport((), Framing(0.03, 0.031, 96, 0))) == []
    assert format_warnings(NO_PIXELS) is None


def test_warnings_list_the_images_that_are_used() -> None:
    table = format_warnings(report())
    assert table is not None
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    assert [(row["image"], row["kind"], row["warning"]) for row in rows] == [
        ("b.png", "dark", "it is dark: do that"),
        ("c.png", "dark", "it is dark, too: do that"),
    ]

"""Numbers of many headers come out as statistics would have them."""

import statistics
from pathlib import Path

import pytest
from octcluster.images.headers import ImageHeader
from octcluster.images.image_set import ImageSet, Scan
from octcluster.workflows.description import Description, SubsetSize, count_by, spread

BYTES = [10**9 + 1, 10**9 + 2, 10**9 + 4, 7]


def description() -> Description:
    scans = [
        Scan(Path(), "a", "CNV", "1", split="train"),
        Scan(Path(), "b", "CNV", "1", split="train"),
        Scan(Path(), "c", "DME", "2", split="test"),
        Scan(Path(), "d"),
    ]
    headers = [ImageHeader("PNG", 40, 30, 1, 8, n, 0) for n in BYTES]
    return Description(ImageSet(Path(), scans, "folder"), [*headers[:3], None], {3: "gone"}, [], None, {}, {})


def test_a_spread_is_that_of_statistics_even_for_large_numbers_that_hardly_differ() -> None:
    found = spread(BYTES[:3])
    assert found.standard_deviation == pytest.approx(statistics.stdev(BYTES[:3]), rel=1e-12)
    assert found.mean == statistics.fmean(BYTES[:3])
    assert (found.minimum, found.median, found.maximum) == (BYTES[0], BYTES[1], BYTES[2])
    assert spread([7]).standard_deviation is None


def test_subsets_count_images_patients_and_failures_with_those_of_no_class_and_split() -> None:
    assert description().subsets == [
        SubsetSize("train", "CNV", 2, 1, 0),
        SubsetSize("test", "DME", 1, 1, 0),
        SubsetSize(None, None, 1, 0, 1),
    ]


def test_kinds_and_spreads_leave_out_what_cannot_be_read() -> None:
    found = description()
    assert count_by(found, lambda kind: (kind.format, kind.width)) == [(("PNG", 40), 3)]
    assert list(found.spreads["file_bytes"]) == ["CNV", "DME"]
    assert found.spreads["file_bytes"]["CNV"].maximum == BYTES[1]

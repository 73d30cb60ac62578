"""Which units there are, and that there must be enough eyes."""

from pathlib import Path

import pytest
from octcluster.images.image_set import Scan
from octcluster.model.errors import InvalidArguments, TooFewImages
from octcluster.workflows.eyes import check_enough_eyes, find_eyes
from octcluster.workflows.outcome import EyeClusters

SCANS = [Scan(Path(), name, patient=patient) for name, patient in (("a", "1"), ("b", "2"), ("c", "1"))]


def test_eyes_are_found_only_where_they_are_what_is_clustered() -> None:
    assert find_eyes("image", SCANS) is None
    eyes = find_eyes("eye", SCANS)
    assert eyes is not None
    assert EyeClusters(eyes, [0, 1, 0]).eye_of == [0, 1, 0]


def test_an_unknown_unit_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidArguments, match="no unit 'eyes': take image or eye; did you mean eye"):
        find_eyes("eyes", SCANS)


def test_too_few_eyes_are_refused_with_the_cure() -> None:
    eyes = find_eyes("eye", SCANS)
    assert eyes is not None
    check_enough_eyes(eyes, 2)
    with pytest.raises(TooFewImages, match=r"the images show 2 eyes, but at least 4 .*octcluster assign"):
        check_enough_eyes(eyes, 4)

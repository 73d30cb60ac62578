import pytest
from octcluster_embedder.queueing.admission import Admission, Pace


def fits(admission: Admission, n_images: int, n_bytes: int, *, interactive: bool = False) -> bool:
    return not admission.images_too_many(n_images, n_bytes, interactive=interactive)


def test_each_kind_of_work_has_its_share_of_the_queue() -> None:
    admission = Admission(max_images=100, max_bytes=1000)
    admission.enter(50, 50)
    assert fits(admission, 25, 25)
    admission.enter(25, 25)
    assert not fits(admission, 5, 5)
    assert admission.images_too_many(5, 5, interactive=False) == 5
    assert fits(admission, 25, 25, interactive=True)
    admission.enter(25, 25)
    assert admission.images_too_many(1, 1, interactive=True) == 1
    admission.leave(51, 51)
    assert fits(admission, 5, 5)


def test_bytes_count_as_well() -> None:
    admission = Admission(max_images=100, max_bytes=1000)
    admission.enter(1, 700)
    assert fits(admission, 1, 50)
    assert admission.images_too_many(1, 51, interactive=False) == 1
    assert fits(admission, 1, 300, interactive=True)


def test_what_is_larger_than_the_room_fits_an_empty_one() -> None:
    admission = Admission(max_images=10, max_bytes=100)
    assert fits(admission, 1, 500)
    admission.enter(1, 500)
    assert not fits(admission, 1, 1, interactive=True)
    admission.leave(1, 500)
    assert fits(admission, 1, 500)


def test_pace_is_the_time_that_an_image_adds() -> None:
    pace = Pace()
    assert pace.seconds_for(1) is None
    for n in range(100):  # two batches of 10 at a time, each 2 s, one of them done each second
        pace.note(10, began=n, ended=n + 2)
    assert pace.seconds_for(50) == pytest.approx(5, rel=0.01)

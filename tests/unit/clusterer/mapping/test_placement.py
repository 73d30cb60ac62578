"""Placing members on a map beside their neighbours in the sample that was laid out."""

import numpy as np
import pytest
from known import known
from octcluster_clusterer import tiles
from octcluster_clusterer.mapping import placement
from octcluster_clusterer.mapping.placement import draw_laid_out, estimate_bytes, place_members

pytestmark = pytest.mark.heavy  # scikit-learn's neighbours

N, DIMENSION, GROUPS = 3000, 12, 4


def make_map() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors in groups, a place for each along its own group's line, and the groups."""
    random = np.random.default_rng(0)
    groups = np.arange(N) % GROUPS
    offsets = random.uniform(-1, 1, N)
    vectors = 8 * random.standard_normal((GROUPS, DIMENSION))[groups]
    vectors += offsets[:, np.newaxis] * random.standard_normal((GROUPS, DIMENSION))[groups]
    places = np.column_stack([10 * groups, offsets])
    return vectors.astype(np.float32), places.astype(np.float32), groups


def test_members_lie_beside_those_that_are_like_them() -> None:
    vectors, places, groups = make_map()
    sample = np.arange(0, N, 7)
    placed = place_members(vectors, vectors[sample], places[sample], report_step=lambda: None)
    assert placed.shape == (N, 2)
    assert placed.dtype == np.float32
    assert (np.rint(placed[:, 0] / 10) == groups).all()
    assert np.abs(placed - places).max() < 0.1


def test_the_nearer_counts_more_and_one_sampled_member_is_enough() -> None:
    block = np.array([[1.0], [9.0]], dtype=np.float32)
    sampled, places = np.array([[0.0], [10.0]], np.float32), np.array([[0, 0], [10, 4]], np.float32)
    left, right = place_members(block, sampled, places, report_step=lambda: None)
    assert 0 < left[0] < 5 < right[0] < 10
    alone = place_members(block, sampled[1:], places[1:], report_step=lambda: None)
    np.testing.assert_array_equal(alone, [[10, 4], [10, 4]])


def test_equal_members_lie_at_one_finite_place() -> None:
    vectors = np.zeros((20, DIMENSION), dtype=np.float32)
    places = np.random.default_rng(0).normal(size=(10, 2)).astype(np.float32)
    placed = place_members(vectors, vectors[:10], places, report_step=lambda: None)
    assert np.isfinite(placed).all()
    assert np.ptp(placed, axis=0).max() == 0


def test_the_same_bits_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, places, _ = make_map()
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(tiles, "count_threads", lambda threads=threads: threads)
        found.append(place_members(vectors, vectors[:512], places[:512], report_step=lambda: None))
    np.testing.assert_array_equal(found[0], found[1])


def test_what_the_caller_raises_gets_through() -> None:
    def stop() -> None:
        raise InterruptedError

    vectors, places, _ = make_map()
    with pytest.raises(InterruptedError):
        place_members(vectors, vectors[:64], places[:64], report_step=stop)


def test_only_of_many_is_a_sample_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "WHOLE_MEMBERS", 100)
    monkeypatch.setattr(placement, "SAMPLED_MEMBERS", 20)
    assert draw_laid_out(100, 0) is None
    sample = draw_laid_out(101, 0)
    assert sample is not None
    assert len(np.unique(sample)) == 20
    assert (np.diff(sample) > 0).all()
    assert not np.array_equal(sample, known(draw_laid_out(101, 1)))
    assert estimate_bytes(100, 8) == 0 < estimate_bytes(101, 8)

"""Labels that spread along the nearest images, on points whose answer is known."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster.explorer.nearest_graph import make_graph, read_graph, write_graph
from octcluster.explorer.neighbours import find_neighbours
from octcluster.explorer.propagation import choose_questions, spread
from octcluster.model.errors import ActRefused, NotThere
from octcluster.model.progress import Silence


@pytest.fixture(scope="module")
def moons() -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Two interleaved half circles: the nearest labelled point is often of the other one."""
    source = np.random.default_rng(0)
    angles = source.uniform(0, np.pi, 400)
    half = np.repeat([0, 1], 200)
    x = np.where(half == 0, np.cos(angles), 1 - np.cos(angles))
    y = np.where(half == 0, np.sin(angles), 0.5 - np.sin(angles))
    points = np.column_stack([x, y]) + source.normal(0, 0.05, (400, 2))
    return points.astype(np.float32), half.astype(np.int32)


@pytest.mark.parametrize("images", [100, 1500])
def test_nearest_images_are_those_of_all_distances(images: int) -> None:
    points = np.random.default_rng(0).normal(5, 1, (images, 16)).astype(np.float32)
    graph = make_graph(points, Silence(), neighbours=5)
    distances = np.linalg.norm(points[:, None].astype(float) - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :5]
    wanted = {(row, int(other)) for row in range(images) for other in nearest[row]}
    edges = set(zip(graph.sources.tolist(), graph.targets.tolist(), strict=True))
    assert edges == wanted | {(other, row) for row, other in wanted}
    assert len(edges) == len(graph.weights)
    scales = np.sort(distances, axis=1)[:, 4]
    squares = distances[graph.sources, graph.targets] ** 2
    np.testing.assert_allclose(
        graph.weights, np.exp(-squares / (scales[graph.sources] * scales[graph.targets])), rtol=1e-3
    )


def test_labels_follow_the_shape_of_the_data(moons: tuple[NDArray[np.float32], NDArray[np.int32]]) -> None:
    points, truth = moons
    graph = make_graph(points, Silence())
    labels = np.full(400, -1, dtype=np.int32)
    labels[[3, 203]] = [7, 2]  # positions of labels, in any order
    found = spread(graph, labels)
    assert np.mean(found.labels == np.where(truth == 0, 7, 2)) > 0.98
    assert found.certainty[[3, 203]].tolist() == [1, 1]
    assert (found.certainty >= 0.5).all()
    wrong = found.labels != np.where(truth == 0, 7, 2)
    if wrong.any():
        assert found.certainty[wrong].mean() < found.certainty[~wrong].mean()


def test_what_no_label_reaches_has_none() -> None:
    points = np.concatenate([np.arange(12), 1000 + np.arange(12), 2000 + np.arange(12)])
    vectors = np.column_stack([points, points]).astype(np.float32)
    vectors[0] = np.nan
    labels = np.full(36, -1, dtype=np.int32)
    labels[[1, 13]] = [0, 1]
    found = spread(make_graph(vectors, Silence(), neighbours=3), labels)
    assert found.labels.tolist() == [-1] + [0] * 11 + [1] * 12 + [-1] * 12
    assert found.certainty[[0, 30]].tolist() == [0, 0]


def test_equal_images_are_near_and_one_image_alone_is_no_error() -> None:
    vectors = np.ones((30, 4), dtype=np.float32)
    vectors[20:] = 2
    labels = np.full(30, -1, dtype=np.int32)
    labels[[0, 29]] = [0, 1]
    assert spread(make_graph(vectors, Silence(), 5), labels).labels[[0, 29]].tolist() == [0, 1]
    assert make_graph(vectors[:1], Silence()).sources.size == 0


@pytest.mark.parametrize("given", [{}, {0: 1, 5: 1}])
def test_labels_of_one_class_are_refused(given: dict[int, int]) -> None:
    labels = np.full(30, -1, dtype=np.int32)
    for row, label in given.items():
        labels[row] = label
    graph = make_graph(np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32), Silence())
    with pytest.raises(ActRefused, match="labels of at least two classes are needed"):
        spread(graph, labels)


def test_the_least_sure_are_asked_one_a_patient() -> None:
    graph = make_graph(np.arange(10, dtype=np.float32)[:, None], Silence(), 2)
    labels = np.full(10, -1, dtype=np.int32)
    labels[[0, 9]] = [0, 1]
    found = spread(graph, labels)
    candidates = labels == -1
    assert set(choose_questions(found, candidates, None, 2)) == {4, 5}
    patients = np.array([0, 1, 1, 2, 3, 3, -1, -1, 4, 5], dtype=np.int32)
    asked = choose_questions(found, candidates, patients)
    assert set(asked) & {4, 5} == {asked[0]}
    assert {6, 7} < set(asked)
    assert 4 not in choose_questions(found, candidates & (np.arange(10) != 4), patients)


def test_a_graph_is_kept_and_damage_is_noticed(tmp_path: Path) -> None:
    graph = make_graph(np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32), Silence())
    path = tmp_path / "graph.npz"
    assert read_graph(path, 50) is None
    write_graph(graph, path)
    kept = read_graph(path, 50)
    assert kept is not None
    for name in ("sources", "targets", "weights"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(graph, name))
    assert read_graph(path, 51) is None
    assert path.stat().st_mode & 0o077 == 0
    content = path.read_bytes()
    for damaged in (b"", content[:200], content[:-30], b"x" * 100):
        path.write_bytes(damaged)
        assert read_graph(path, 50) is None


def test_neighbours_are_the_nearest_and_never_the_image_itself() -> None:
    vectors = np.array([[0], [3], [1], [np.nan], [-1], [10]], dtype=np.float32)
    found = find_neighbours(vectors, 0, 3)
    assert (found.rows, found.distances) == ([2, 4, 1], [1, 1, 3])
    assert find_neighbours(vectors, 5, 100).rows == [1, 2, 0, 4]
    with pytest.raises(NotThere, match="the vector of image 4 is lost"):
        find_neighbours(vectors, 3, 3)
    assert find_neighbours(vectors[:1], 0, 3).rows == []

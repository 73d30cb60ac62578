"""Steps of earlier runs: found again for the same vectors and no others, and few at a time."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.model import Preparation
from octcluster_clusterer.preparation import part as part_preparation
from octcluster_clusterer.preparation.prepare import PreparedVectors, prepare
from octcluster_clusterer.preparation.principal_components import find_principal_components
from octcluster_clusterer.shared_work import SharedWork, digest_vectors

VECTORS = np.random.default_rng(0).standard_normal((60, 90), dtype=np.float32)
GROUPS = np.arange(60)


def digest(vectors: np.ndarray) -> bytes:
    return digest_vectors(vectors, lambda: None)


def prepared(vectors: np.ndarray, preparation: Preparation, shared: SharedWork | None) -> PreparedVectors:
    return prepare(MemoryBlocks(vectors.copy()), preparation, GROUPS, 0, lambda done, total: None, shared)


@pytest.fixture
def decompositions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shape of what was decomposed, each time it was."""
    shapes = []

    def count(vectors: np.ndarray, *arguments: Any) -> object:
        shapes.append(vectors.shape)
        return find_principal_components(vectors, *arguments)

    monkeypatch.setattr(part_preparation, "find_principal_components", count)
    return shapes


def test_all_shares_and_whitening_come_from_one_decomposition(decompositions: list[tuple[int, ...]]) -> None:
    shared = SharedWork()
    variants = [
        Preparation(pca=0.95),
        Preparation(pca=0.95, whiten=True),
        Preparation(pca=0.99),
        Preparation(pca=10),
    ]
    found = [prepared(VECTORS, variant, shared) for variant in variants]
    assert decompositions == [VECTORS.shape]
    for variant, own in zip(variants, found, strict=True):
        alone = prepared(VECTORS, variant, None)
        assert (own.blocks.bring(lambda: None) == alone.blocks.bring(lambda: None)).all()
        for field in ("coordinates", "explained_variance_ratios"):
            assert (getattr(own, field) == getattr(alone, field)).all()
    assert {field.name for field in fields(PreparedVectors)} >= {"blocks", "coordinates"}


def test_other_vectors_are_decomposed_anew(decompositions: list[tuple[int, ...]]) -> None:
    shared = SharedWork()
    other = VECTORS.copy()
    other[59, 89] += 1
    for vectors, preparation in (
        (VECTORS, Preparation(pca=5)),
        (other, Preparation(pca=5)),
        (VECTORS, Preparation(pca=5, l2_normalize=False)),
        (VECTORS, Preparation()),
    ):
        prepared(vectors, preparation, shared)
    assert len(decompositions) == 4


def test_each_part_of_a_vector_is_shared_by_itself(decompositions: list[tuple[int, ...]]) -> None:
    shared = SharedWork()
    for pca in (5, 6):
        prepared(VECTORS, Preparation(pca=pca, part_dimensions=(40, 50)), shared)
    parts = [shape for shape in decompositions if shape in ((60, 40), (60, 50))]
    assert parts == [(60, 40), (60, 50)]


def test_what_was_used_last_is_kept_longest() -> None:
    shared = SharedWork(max_bytes=10)
    computed = []

    def find(name: str, n_bytes: int = 4) -> str:
        def compute() -> str:
            computed.append(name)
            return name.upper()

        return shared.find((name,), compute, lambda value: n_bytes)

    assert [find("a"), find("b"), find("a"), find("c"), find("a"), find("b")] == list("ABACAB")
    assert computed == ["a", "b", "c", "b"]
    find("large", 11)
    find("b")
    find("large", 11)
    assert computed[4:] == ["large", "large"]


def test_a_digest_tells_shapes_and_values_apart() -> None:
    digests = {digest(VECTORS), digest(VECTORS.reshape(90, 60)), digest(VECTORS[:59])}
    digests.add(digest(VECTORS[:, :89]))
    assert len(digests) == 4
    assert digest(np.asfortranarray(VECTORS)) == digest(VECTORS)

"""Vectors with the structure of image embeddings, for the benchmarks: any number, any dimension, seeded.

Twelve groups of uneven size. Within a group the variance falls like a power of the component's rank (a few
directions hold most of it, as in pooled features of a network), each group has its own spread along each
direction, and each member its own distance from the middle (heavy tails: dense middles, thin surroundings).
A random rotation spreads all that over every dimension.
"""

import numpy as np
from numpy.typing import NDArray

GROUPS = 12
_DECAY = 0.6
_SEPARATION = 1.5


class Mixture:
    """The twelve groups: their middles, spreads and rotation."""

    def __init__(self, dimension: int, random: np.random.Generator, separation: float = _SEPARATION) -> None:
        """Draws the groups; ``separation``: spread of the middles in that of the members."""
        spectrum = np.arange(1, dimension + 1) ** -_DECAY
        self._spreads = spectrum * random.lognormal(0, 0.3, (GROUPS, dimension))
        self._centers = random.standard_normal((GROUPS, dimension)) * spectrum * separation
        self._rotation = np.linalg.qr(random.standard_normal((dimension, dimension)))[0].astype(np.float32)

    def place(
        self, groups: NDArray[np.int32], noise: NDArray[np.float64], tails: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Members of the groups: float32, shape (n_members, dimension).

        Args:
            groups: int32, shape (n_members,).
            noise: float64, shape (n_members, dimension), of variance 1: where in its group each member lies.
            tails: float64, shape (n_members, 1): what the noise of each member is multiplied by.
        """
        members = self._centers[groups] + noise * self._spreads[groups] * tails
        placed: NDArray[np.float32] = members.astype(np.float32) @ self._rotation
        return placed


def make_embeddings(
    n_vectors: int, dimension: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Makes vectors and the group of each.

    Returns:
        float32, shape (n_vectors, dimension), mean 0 in each dimension, and int32, shape (n_vectors,).
    """
    random = np.random.default_rng(seed)
    groups = random.choice(GROUPS, n_vectors, p=random.dirichlet(np.full(GROUPS, 5.0))).astype(np.int32)
    mixture = Mixture(dimension, random)
    vectors = np.empty((n_vectors, dimension), dtype=np.float32)
    for start in range(0, n_vectors, 4096):
        part = slice(start, min(start + 4096, n_vectors))
        own = groups[part]
        tails = random.gamma(4.0, 0.25, (own.size, 1))
        vectors[part] = mixture.place(own, random.standard_normal((own.size, dimension)), tails)
    vectors -= vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    return vectors, groups

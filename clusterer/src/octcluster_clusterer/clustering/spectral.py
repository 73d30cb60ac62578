"""Spectral clustering: clusters of any shape, held together by chains of near neighbours."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import SpectralClustering

NEIGHBORS = 10


def cluster(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Cuts the graph that joins each member to its ten nearest neighbours where the fewest edges are cut.

    References:
        von Luxburg, "A tutorial on spectral clustering", 2007, doi:10.1007/s11222-007-9033-z; labels from the
        eigenvectors by pivoted QR: Damle, Minden and Ying, 2019, doi:10.1093/imaiai/iay008;
        ``sklearn.cluster.SpectralClustering``.
    """
    report_step()
    model = SpectralClustering(
        n_clusters,
        affinity="nearest_neighbors",
        n_neighbors=min(NEIGHBORS, len(vectors)),
        assign_labels="cluster_qr",
        random_state=seed,
    )
    return model.fit(vectors).labels_


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: the factors of the graph's Laplacian, dense in high dimensions."""
    return 4 * n_members * (n_members + 2 * dimension)

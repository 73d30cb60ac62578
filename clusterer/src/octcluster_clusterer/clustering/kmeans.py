"""K-means: Lloyd's algorithm from k-means++ starts, the best of ten."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

STARTS = 10


def cluster(
    vectors: NDArray[np.float32], n_clusters: int, seed: int, report_step: Callable[[], None]
) -> NDArray[np.int32]:
    """Finds clusters with small squared distances to their means.

    Finds fewer clusters than asked for where there are fewer different vectors.

    References:
        Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007;
        ``sklearn.cluster.KMeans``.
    """
    best: KMeans | None = None
    for start_seed in np.random.SeedSequence(seed).generate_state(STARTS):
        report_step()
        # copy_x=False: scikit-learn centres in place and back, which on centred vectors changes nothing to
        # speak of. tol=0: until no member moves; another tolerance makes scikit-learn copy all vectors to
        # take their variance.
        model = KMeans(n_clusters, n_init=1, tol=0, copy_x=False, random_state=int(start_seed)).fit(vectors)
        if best is None or model.inertia_ < best.inertia_:
            best = model
    assert best is not None  # noqa: S101 - there is at least one start
    return best.labels_

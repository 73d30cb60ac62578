"""K-means on random batches: close to K-means, in a fraction of the time on very many members."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering.kmeans import find_nearest
from octcluster_clusterer.clustering.kmeans_starts import choose_centers
from octcluster_clusterer.clustering.samples import take_sample
from octcluster_clusterer.engine.blocks import Blocks

STARTS = 3
_BATCH = 1024
_SAMPLE = 3 * _BATCH
SAMPLED_MEMBERS = 2**15
"""Of more members, the batches come from a random sample of so many: thirty-two batches."""


def cluster(
    blocks: Blocks,
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Finds clusters like K-means, looking at a random batch a step, from the best of three starts.

    The starts are chosen, and judged, on a random sample. The batches of very many members are drawn from a
    random sample of them; all join the nearest center.

    References:
        Sculley, "Web-scale k-means clustering", WWW 2010; ``sklearn.cluster.MiniBatchKMeans``.
    """
    # Imported here: scikit-learn takes two seconds of processor time, and most runs do without.
    from octcluster_clusterer.clustering.reporting_minibatch import ReportingMiniBatchKMeans  # noqa: PLC0415

    vectors = take_sample(blocks, SAMPLED_MEMBERS, np.random.default_rng(seed), report_step)
    centers = _choose_start(vectors, n_clusters, seed, report_step)
    (drawn,) = np.random.SeedSequence(seed).generate_state(1)
    has_all = len(vectors) == blocks.n_rows
    model = ReportingMiniBatchKMeans(
        n_clusters,
        init=centers,
        n_init=1,
        batch_size=_BATCH,
        compute_labels=has_all,
        random_state=int(drawn),
    )
    model.report_step = report_step
    model.fit(vectors)
    if has_all:
        return np.asarray(model.labels_, dtype=np.int32)
    found = model.cluster_centers_.astype(np.float32)
    costs = np.square(found).sum(axis=1)
    labels = np.empty(blocks.n_rows, dtype=np.int32)
    for rows, nearest in blocks.map(find_nearest, found, costs, report_step=report_step):
        labels[rows] = nearest
    return labels


def _choose_start(
    vectors: NDArray[np.float32], n_clusters: int, seed: int, report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """The best first centers; scikit-learn, which chooses them likewise, cannot be stopped at it."""
    random = np.random.default_rng(seed)
    n_sampled = min(len(vectors), max(_SAMPLE, 3 * n_clusters))
    sample = vectors[np.sort(random.choice(len(vectors), n_sampled, replace=False))]
    squared_lengths = np.einsum("ij,ij->i", sample, sample)
    starts = choose_centers(sample, squared_lengths, n_clusters, random.spawn(STARTS), report_step)

    def judge(centers: NDArray[np.float32]) -> float:
        """The inertia, less the sample's squared lengths, which are the same for all starts."""
        report_step()
        distances = centers @ sample.T
        distances *= -2
        distances += np.square(centers).sum(axis=1)[:, np.newaxis]
        return float(distances.min(axis=0).sum())

    return min(starts, key=judge)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: the sample that the first centers are judged by, and two batches."""
    return 4 * (min(n_members, _SAMPLE) + 2 * min(n_members, _BATCH)) * dimension

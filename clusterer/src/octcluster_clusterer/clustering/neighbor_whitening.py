"""Whitening between neighbours: directions in which images differ that are alike elsewhere say little.

Where nothing is known of patients, the images themselves tell which of them belong together: those that are
nearest neighbours of each other. The neighbours of each part are found in all the other parts: what is alike
by one layer or view, and differs by another, differs there by a nuisance. A part never confirms itself.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering.samples import take_sample
from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.preparation.block_steps import multiply_parts
from octcluster_clusterer.preparation.fitted import scale_to_length
from octcluster_clusterer.preparation.part import cut_parts
from octcluster_clusterer.preparation.within_patients import find_whitening

NEIGHBORS = 5
LEAST_SHRINKAGE = 0.25
"""Share of a sphere in the scatter between neighbours, which seldom differ in pathology."""
SEARCHED_MEMBERS = 2048
"""Of more members, a random sample of so many tells the neighbours."""


def whiten_between_neighbors(
    blocks: Blocks,
    part_dimensions: Sequence[int],
    seed: int,
    report_step: Callable[[], None],
) -> Blocks:
    """Whitens each part by what differs between members that are neighbours by the other parts.

    Args:
        blocks: The vectors.
        part_dimensions: Number of values in each part. A single part is not whitened.
        seed: Seed of the sample.
        report_step: Called often.

    Returns:
        New vectors of the same dimension: each part of each member has the root of its number of values as
        length, so that one dimension has about variance 1. The leading dimensions of a part depend on the
        leading ones before alone.

    References:
        Bar-Hillel, Hertz, Shental and Weinshall, "Learning a Mahalanobis metric from equivalence
        constraints", JMLR 6, 2005: whitening of what differs between members known to belong together.
        Van Gansbeke et al., "SCAN: learning to classify images without labels", ECCV 2020,
        doi:10.1007/978-3-030-58607-2_16: nearest neighbours as such members.
    """
    parts = cut_parts(part_dimensions)
    matrices: list[NDArray[np.float32]] = []
    if len(parts) > 1:
        sample = take_sample(blocks, SEARCHED_MEMBERS, np.random.default_rng(seed), report_step)
        pairs_by_part = _find_pairs([sample[:, part] for part in parts], report_step)
        for part, (first, second) in zip(parts, pairs_by_part, strict=True):
            differences = (sample[first, part].astype(np.float64) - sample[second, part]) / np.sqrt(2)
            # One member in many pairs brings no more news than it has values.
            n_differences = min(len(first), len(sample))
            matrices.append(find_whitening(differences.T @ differences, n_differences, LEAST_SHRINKAGE))
    return blocks.derive(whiten_block, parts, matrices, width=blocks.dimension, report_step=report_step)


def whiten_block(
    block: NDArray[np.float32],
    parts: Sequence[slice],
    matrices: Sequence[NDArray[np.float32]],
    *,
    report_step: Callable[[], None],
) -> NDArray[np.float32]:
    """Multiplies each part of the vectors of a block by its matrix, if any, and scales it, in new memory."""
    whitened = block.copy()
    if matrices:
        multiply_parts(whitened, parts, matrices, report_step=report_step)
    for part in parts:
        scale_to_length(whitened[:, part], float(np.sqrt(part.stop - part.start)), report_step)
    return whitened


def _find_pairs(
    parts: Sequence[NDArray[np.float32]], report_step: Callable[[], None]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """For each part the members that are among each other's nearest by the cosine of all other parts."""
    n_members = len(parts[0])
    products = np.zeros((n_members, n_members), dtype=np.float32)
    for part in parts:
        report_step()
        products += part @ part.T
    for part in parts:
        report_step()
        cosines = products - part @ part.T
        lengths = np.sqrt(np.maximum(cosines.diagonal(), np.finfo(np.float32).tiny))
        cosines /= lengths
        cosines /= lengths[:, np.newaxis]
        np.fill_diagonal(cosines, -np.inf)
        are_near = np.zeros(cosines.shape, dtype=np.bool_)
        members = np.arange(n_members)
        for _ in range(min(NEIGHBORS, n_members - 1)):
            report_step()
            nearest = cosines.argmax(axis=1)
            are_near[members, nearest] = True
            cosines[members, nearest] = -np.inf
        first, second = np.nonzero(np.triu(are_near & are_near.T))
        yield first, second

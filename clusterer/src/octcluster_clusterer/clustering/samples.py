"""Random samples of many vectors, for what cannot look at all of them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks


def take_sample(
    blocks: Blocks, most: int, random: np.random.Generator, report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """Brings a random sample of vectors here, or all of them where there are no more.

    Args:
        blocks: The vectors.
        most: Number of vectors in a sample.
        random: The source of chance; left as it is where all are taken.
        report_step: Called often.

    Returns:
        float32, shape (n_taken, dimension), in the members' order; not to be changed.
    """
    if blocks.n_rows <= most:
        return blocks.bring(report_step)
    report_step()
    return blocks.take(np.sort(random.choice(blocks.n_rows, most, replace=False)))

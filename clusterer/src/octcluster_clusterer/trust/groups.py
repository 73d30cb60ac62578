"""Groups (patients) of members: what is drawn as a whole, because members of one group are alike."""

import numpy as np
from numpy.typing import NDArray


def number_groups(group_indices: NDArray[np.int32] | None, n_members: int) -> NDArray[np.int64]:
    """Numbers the groups that occur.

    Args:
        group_indices: int32, shape (n_members,): -1 for a group of its own; None if all are.
        n_members: Number of members.

    Returns:
        int64, shape (n_members,): numbers from 0, without gaps.
    """
    if group_indices is None:
        return np.arange(n_members)
    alone = group_indices < 0
    known, numbers = np.unique(group_indices[~alone], return_inverse=True)
    groups = np.empty(n_members, dtype=np.int64)
    groups[~alone] = numbers
    groups[alone] = known.size + np.arange(np.count_nonzero(alone))
    return groups

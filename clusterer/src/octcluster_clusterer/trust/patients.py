"""Patients of members: what is drawn as a whole, because members of one patient are alike."""

import numpy as np
from numpy.typing import NDArray


def number_patients(patient_indices: NDArray[np.int32] | None, n_members: int) -> NDArray[np.int64]:
    """Numbers the patients that occur.

    Args:
        patient_indices: int32, shape (n_members,): -1 for a patient of its own; None if all are.
        n_members: Number of members.

    Returns:
        int64, shape (n_members,): numbers from 0, without gaps.

    Examples:
        >>> number_patients(np.array([7, 7, -1, 3, -1]), 5).tolist()
        [1, 1, 2, 0, 3]
    """
    if patient_indices is None:
        return np.arange(n_members)
    alone = patient_indices < 0
    known, numbers = np.unique(patient_indices[~alone], return_inverse=True)
    patients = np.empty(n_members, dtype=np.int64)
    patients[~alone] = numbers
    patients[alone] = known.size + np.arange(np.count_nonzero(alone))
    return patients

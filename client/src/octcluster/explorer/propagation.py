"""From a few labelled images to the rest, along the graph of nearest images.

Each labelled image gives a part of its label to its neighbours, they to theirs, and so on (label spreading:
Zhou, Bousquet, Lal, Weston and Schoelkopf, NIPS 2003). So what the unlabelled images look like counts, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster.explorer.nearest_graph import NearestGraph
from octcluster.explorer.result import UNKNOWN
from octcluster.model.errors import ActRefused

_KEPT_SHARE = 0.95
_MOST_ROUNDS = 200
_CHANGE = 1e-6
FEWEST_CLASSES = 2
ASKED = 12


@dataclass(frozen=True)
class Propagation:
    """The label of each image, as far as the labelled ones tell.

    Attributes:
        labels: int32, shape (n_images,): position of the label; -1: nothing reaches the image.
        certainty: float32, shape (n_images,): share of that label in what reaches the image, 0 to 1; the
            labelled images have 1.
    """

    labels: NDArray[np.int32]
    certainty: NDArray[np.float32]


def spread(graph: NearestGraph, labels: NDArray[np.int32]) -> Propagation:
    """Spreads labels.

    Args:
        graph: The nearest images of each image.
        labels: int32, shape (n_images,): position of each image's label; -1 none.

    Raises:
        ActRefused: The labels are of fewer than two classes.
    """
    classes, own = np.unique(labels[labels >= 0], return_inverse=True)
    if len(classes) < FEWEST_CLASSES:
        raise ActRefused(
            "labels of at least two classes are needed: give some images of each class their label first"
        )
    rows = np.flatnonzero(labels >= 0)
    given = np.zeros((graph.images, len(classes)))
    given[rows, own] = 1
    given /= given.sum(axis=0)  # a class with more labelled images does not count for more
    degrees = np.bincount(graph.sources, graph.weights, minlength=graph.images)
    scales = 1 / np.sqrt(np.where(degrees > 0, degrees, 1))
    weights = _KEPT_SHARE * graph.weights * scales[graph.sources] * scales[graph.targets]
    reached = given.copy()
    for _ in range(_MOST_ROUNDS):
        before = reached
        reached = (1 - _KEPT_SHARE) * given
        for column in range(len(classes)):
            reached[:, column] += np.bincount(
                graph.sources, weights * before[graph.targets, column], minlength=graph.images
            )
        if np.abs(reached - before).max() <= _CHANGE * reached.max():
            break
    totals = reached.sum(axis=1)
    best = reached.argmax(axis=1)
    shares = reached.max(axis=1) / np.where(totals > 0, totals, 1)
    found = np.where(totals > 0, classes[best], UNKNOWN).astype(np.int32)
    found[rows] = labels[rows]
    shares[rows] = 1
    return Propagation(found, shares.astype(np.float32))


def choose_questions(
    propagation: Propagation,
    candidates: NDArray[np.bool_],
    patients: Sequence[int] | NDArray[np.int32] | None,
    count: int = ASKED,
) -> list[int]:
    """The images whose label would tell most: those of which the propagation is least sure, one a patient.

    Args:
        propagation: What is known so far.
        candidates: bool, shape (n_images,): images that may be asked for.
        patients: Number of each image's patient, -1 unknown; None: no patient is known.
        count: How many.

    Returns:
        Rows, the least sure first.
    """
    rows = np.flatnonzero(candidates)
    asked: list[int] = []
    seen: set[int] = set()
    for row in rows[np.lexsort((rows, propagation.certainty[rows]))].tolist():
        patient = UNKNOWN if patients is None else int(patients[row])
        if patient == UNKNOWN or patient not in seen:
            asked.append(row)
            seen.add(patient)
        if len(asked) == count:
            break
    return asked

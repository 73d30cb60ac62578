"""Labels of a workspace, spread to its other images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from octcluster.explorer.acts import PropagateLabels
from octcluster.explorer.groups import Groups
from octcluster.explorer.jobs import Job, Jobs
from octcluster.explorer.kept import Kept
from octcluster.explorer.nearest_graph import NearestGraph, make_graph, read_graph, write_graph
from octcluster.explorer.propagation import Propagation, choose_questions, spread
from octcluster.explorer.result import UNKNOWN, Result
from octcluster.explorer.vectors import Vectors
from octcluster.model.errors import ActRefused
from octcluster.model.progress import Progress


@dataclass(frozen=True)
class Suggestion:
    """What the labels given by hand say of the other images.

    Attributes:
        propagation: The label of each image and how sure it is; unusable images have none.
        ask: Rows of the images whose label would tell most.
    """

    propagation: Propagation
    ask: list[int]


class Labelling:
    """Spreads labels along the graph of nearest images.

    Args:
        result: The result.
        vectors: Its vectors.
        cache: Folder for the graph.
        jobs: Makes the graph.
    """

    def __init__(self, result: Result, vectors: Vectors, cache: Path, jobs: Jobs) -> None:
        self._result = result
        self._vectors = vectors
        self._last: tuple[bytes, Propagation] | None = None
        self._file = cache / f"{result.result_id}-graph.npz"
        self._graph: Kept[NearestGraph] = Kept(
            jobs, lambda: read_graph(self._file, len(result.names)), self._make
        )

    def suggest(self, groups: Groups) -> Suggestion | Job:
        """What the labels given by hand say of all images; or the job that must end before.

        Raises:
            ActRefused: The labels are of fewer than two classes.
        """
        given = np.where(groups.propagated | groups.unusable, UNKNOWN, groups.labels).astype(np.int32)
        if len(np.unique(given[given != UNKNOWN])) < 2:
            raise ActRefused(
                "labels of at least two classes are needed: give some images of each class their label first"
            )
        graph = self._find_graph()
        if isinstance(graph, Job):
            return graph
        content = given.tobytes()
        if self._last is None or self._last[0] != content:
            self._last = content, spread(graph, given)
        found = self._last[1]
        labels = found.labels.copy()
        labels[groups.unusable] = UNKNOWN
        found = Propagation(labels, found.certainty)
        patients = self._result.categories.get("patient")
        ask = choose_questions(
            found, ~groups.unusable & (given == UNKNOWN), None if patients is None else patients.codes
        )
        return Suggestion(found, ask)

    def make_act(self, groups: Groups, certainty: float) -> PropagateLabels:
        """The act that labels images which have no label by hand, where it is at least that sure.

        Raises:
            ActRefused: It cannot be done now; the message says why.
        """
        suggestion = self.suggest(groups)
        if isinstance(suggestion, Job):
            raise ActRefused("the labels are not ready yet: wait until the page shows them, then apply them")
        labels, sure = suggestion.propagation.labels, suggestion.propagation.certainty
        by_hand = (groups.labels != UNKNOWN) & ~groups.propagated
        rows = np.flatnonzero((labels != UNKNOWN) & ~by_hand & (sure >= certainty))
        if not len(rows):
            raise ActRefused("no image would get a label: allow less sure ones, or label more images")
        codes, positions = np.unique(labels[rows], return_inverse=True)
        return PropagateLabels(
            rows=rows.tolist(),
            labels=positions.tolist(),
            certainty=certainty,
            values=[groups.label_values[code] for code in codes.tolist()],
        )

    def _find_graph(self) -> NearestGraph | Job:
        """The graph, which needs the vectors."""
        vectors = self._vectors.find()
        return vectors if isinstance(vectors, Job) else self._graph.find()

    def _make(self, progress: Progress) -> None:
        vectors = self._vectors.find()
        if not isinstance(vectors, Job):
            write_graph(make_graph(vectors, progress), self._file)

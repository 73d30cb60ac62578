"""The cells of a study, each with what was found and what others published for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from octcluster.model.results import ClusteringResult
from octcluster.workflows.study import PartOutcome, StudyOutcome
from octcluster.workflows.study_matrix import Published

PUBLISHED_SCORES = ("silhouette", "accuracy", "adjusted_rand_index")
"""The fields of Scores that published figures are of."""


@dataclass(frozen=True)
class StudyCell:
    """One cell of a study.

    Attributes:
        part: What became of the part that it belongs to.
        algorithm: Name out of ALGORITHMS.
        k: Number of clusters asked for; None: the algorithm finds it itself.
        result: What was found; None if the part was not done.
        published: What others published for it.
    """

    part: PartOutcome
    algorithm: str
    k: int | None
    result: ClusteringResult | None
    published: Published | None

    def published_scores(self) -> dict[str, float | None]:
        """The published figures that there are for the cell's scores, by name."""
        found = self.published
        if found is None:
            return dict.fromkeys(PUBLISHED_SCORES)
        own = found.k == self.k
        return {
            "silhouette": None if self.k is None else found.silhouettes.get(self.k),
            "accuracy": found.accuracy if own else None,
            "adjusted_rand_index": found.adjusted_rand_index if own else None,
        }


def list_cells(outcome: StudyOutcome) -> list[StudyCell]:
    """The cells of all settled parts, in the order of the matrix."""
    return [cell for part in outcome.parts for cell in _list_cells(part, outcome)]


def _list_cells(settled: PartOutcome, outcome: StudyOutcome) -> Iterator[StudyCell]:
    results = {}
    if settled.outcome is not None:
        results = {(one.algorithm, one.requested_clusters): one for one in settled.outcome.result.results}
    for algorithm, k in settled.part.cells(outcome.count_finders):
        beside = (one for one in outcome.matrix.published if one.stands_beside(settled.part, algorithm, k))
        yield StudyCell(settled, algorithm, k, results.get((algorithm, k)), next(beside, None))

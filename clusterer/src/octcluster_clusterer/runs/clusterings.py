"""The clusterings of a run: each algorithm with each number of clusters, found, fitted and scored."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.assignment.assign import FittedRun
from octcluster_clusterer.assignment.fit import find_distances, fit_rules
from octcluster_clusterer.clustering import find_clusters_for_each
from octcluster_clusterer.clustering.hg_means import SearchedClusters
from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.model import Algorithm, ClusteringResult, Report, RunSpec, Stage
from octcluster_clusterer.preparation.prepare import PreparedVectors
from octcluster_clusterer.runs.spec_rules import list_clusterings
from octcluster_clusterer.scoring import draw_sample, find_silhouettes, match_classes, score


@dataclass(frozen=True)
class Clustering:
    """One algorithm with one number of clusters, before it is scored.

    Attributes:
        algorithm: The algorithm.
        requested_clusters: Number of clusters asked for; None if the algorithm finds it itself.
        labels: int32, shape (n_members,): the cluster of each member, -1 for noise.
        seconds: Time from the one before it to it: searches for several run side by side.
        search: What the search told; None if the algorithm does not search.
    """

    algorithm: Algorithm
    requested_clusters: int | None
    labels: NDArray[np.int32]
    seconds: float
    search: SearchedClusters | None


def find_clusterings(prepared: PreparedVectors, spec: RunSpec, report: Report) -> list[Clustering]:
    """Clusters prepared vectors with each algorithm and number of clusters that the spec asks for.

    Args:
        prepared: The prepared vectors.
        spec: What the run shall do.
        report: Told of progress in Stage.CLUSTERING, in clusterings; raises RunCancelled to stop the run.

    Returns:
        The clusterings, in the order of the spec.

    Raises:
        InvalidRequest: An algorithm cannot cluster these vectors.
        RunCancelled: ``report`` raised it.
    """
    asked = list_clusterings(spec)
    found: list[Clustering] = []

    def report_step() -> None:
        report(Stage.CLUSTERING, len(found), len(asked))

    for algorithm, of_algorithm in itertools.groupby(asked, key=lambda item: item[0]):
        counts = [n_clusters for _, n_clusters in of_algorithm]
        report_step()
        start = time.monotonic()
        label_sets = find_clusters_for_each(
            algorithm,
            prepared.blocks,
            [n_clusters or 0 for n_clusters in counts],
            spec.seed,
            report_step,
            prepared.part_dimensions,
        )
        for n_clusters, (labels, search) in zip(counts, label_sets, strict=True):
            found.append(Clustering(algorithm, n_clusters, labels, time.monotonic() - start, search))
            report_step()
            start = time.monotonic()
    report_step()
    return found


def fit_run(prepared: PreparedVectors, clusterings: Sequence[Clustering], report: Report) -> FittedRun | None:
    """Fits what puts other vectors into the clusters.

    Args:
        prepared: The prepared vectors.
        clusterings: What was found in them.
        report: Told often that Stage.CLUSTERING is at its end; raises RunCancelled to stop the run.

    Returns:
        What was fitted; None if it would be too large to keep.

    Raises:
        RunCancelled: ``report`` raised it.
    """
    if prepared.fitted is None:
        return None
    n_done = len(clusterings)
    rules = fit_rules(
        prepared.blocks,
        [clustering.labels for clustering in clusterings],
        lambda: report(Stage.CLUSTERING, n_done, n_done),
    )
    return FittedRun(prepared.fitted, rules) if rules is not None else None


def score_clusterings(
    blocks: Blocks,
    clusterings: Sequence[Clustering],
    class_indices: NDArray[np.int32] | None,
    seed: int,
    report: Report,
) -> list[ClusteringResult]:
    """Scores clusterings: silhouettes of all in one pass, and agreement with the classes, if known.

    Args:
        blocks: The prepared vectors.
        clusterings: What was found in them.
        class_indices: int32, shape (n_members,): known classes, -1 unknown; None if none is known.
        seed: Seed of the sample that has silhouettes, where members are many.
        report: Told of progress in Stage.SCORING, in members; raises RunCancelled to stop the run.

    Returns:
        One result for each clustering.

    Raises:
        RunCancelled: ``report`` raised it.
    """
    reached = (0, 1)

    def report_scoring(done: int, total: int) -> None:
        nonlocal reached
        reached = done, total
        report(Stage.SCORING, *reached)

    label_sets = [clustering.labels for clustering in clusterings]
    silhouettes = find_silhouettes(blocks, label_sets, report_scoring, draw_sample(blocks.n_rows, seed))
    results: list[ClusteringResult] = []
    for clustering, values in zip(clusterings, silhouettes, strict=True):
        scores, contingency = score(clustering.labels, values, class_indices)
        results.append(
            ClusteringResult(
                algorithm=clustering.algorithm,
                requested_clusters=clustering.requested_clusters,
                labels=clustering.labels,
                silhouettes=values,
                scores=scores,
                contingency=contingency,
                seconds=clustering.seconds,
                distances=find_distances(blocks, clustering.labels, lambda: report_scoring(*reached)),
                class_of_cluster=match_classes(contingency),
            )
        )
    return results

"""Two runs of the same images side by side: which images are in which clusters of both."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster.explorer.result import Result
from octcluster.model.errors import InvalidArguments
from octcluster.outputs.wording.words import NOISE, are, count
from octcluster.workflows.cluster_names import read_cluster_names

NOT_THERE = -2
"""Cluster of an image that is not in the other run."""
_MINUTE = len("2026-05-04T03:02")


@dataclass(frozen=True)
class Comparison:
    """The clusters of one run in those of another.

    Attributes:
        others: int32, shape (n_images,): cluster of each image in the other run; NOT_THERE: in none.
        clusters: The clusters of the run, in order.
        other_clusters: Those of the other one.
        counts: Number of images in each pair of them.
        partners: Pairs of a cluster and the one of the other run that has most of its images, each cluster in
            one pair at most: those with most images come first.
        changed: Number of images that are in both runs, but not in clusters that are partners.
        missing: Number of images that are not in the other run.
        folders: Names of the folders of both runs.
        facts: What tells the runs apart without them: ``4 clusters, 2026-05-04 03:02``.
        other_names: What a person has called clusters of the other run.
    """

    others: NDArray[np.int32]
    clusters: list[int]
    other_clusters: list[int]
    counts: list[list[int]]
    partners: list[tuple[int, int]]
    changed: int
    missing: int
    folders: tuple[str, str]
    facts: tuple[str, str]
    other_names: Mapping[int, str]


def compare(result: Result, other: Result) -> Comparison:
    """Compares a run with another one of the same images.

    Images are known by their content, or by their names if their keys were made under other secrets.

    Raises:
        InvalidArguments: The runs have no image in common.
    """
    names, other_names = _name(result, other)
    cluster_of = dict(zip(other_names, other.clusters.tolist(), strict=True))
    others = np.array([cluster_of.get(name, NOT_THERE) for name in names], dtype=np.int32)
    both = others != NOT_THERE
    if not both.any():
        raise InvalidArguments(
            f"{result.folder} and {other.folder} have no image in common: compare runs of the same images"
        )
    clusters = sorted(set(result.clusters.tolist()))
    other_clusters = sorted(set(others[both].tolist()))
    counts = np.array(
        [[int(((result.clusters == c) & (others == o)).sum()) for o in other_clusters] for c in clusters]
    )
    partners = _find_partners(counts)
    kept = sum(int(counts[row, column]) for row, column in partners)
    return Comparison(
        others,
        clusters,
        other_clusters,
        counts.tolist(),
        [(clusters[row], other_clusters[column]) for row, column in partners],
        int(both.sum()) - kept,
        int((~both).sum()),
        (result.folder.resolve().name, other.folder.resolve().name),
        (_describe_run(result), _describe_run(other)),
        read_cluster_names(other.folder, other.result_id),
    )


def name_runs(comparison: Comparison, *, identified: bool) -> tuple[str, str]:
    """What both runs are called: by their folders only where names may be told."""
    first, second = comparison.folders if identified else ("this run", "the other run")
    return f"{first} ({comparison.facts[0]})", f"{second} ({comparison.facts[1]})"


def _describe_run(result: Result) -> str:
    clusters = len(set(result.clusters.tolist()) - {NOISE})
    return f"{count(clusters, 'cluster')}, {result.started[:_MINUTE].replace('T', ' ')} UTC"


def describe_missing(comparison: Comparison) -> str:
    """Says how few images can be compared; nothing if all can."""
    images = len(comparison.others)
    if not comparison.missing:
        return ""
    common = count(images - comparison.missing, "image")
    return (
        f"{comparison.missing:,} of {count(images, 'image')} {are(comparison.missing)} not in the other run: "
        f"the comparison is of the {common} that both have"
    )


def _name(result: Result, other: Result) -> tuple[Sequence[Hashable], Sequence[Hashable]]:
    """What an image is known by in both runs."""
    if result.key_check == other.key_check:
        return result.image_keys, other.image_keys
    return result.names, other.names


def _find_partners(counts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Positions of pairs, the one with most images first; each row and each column is in one at most."""
    left = counts.copy()
    partners = []
    while left.max(initial=0) > 0:
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        partners.append((int(row), int(column)))
        left[row, :] = left[:, column] = 0
    return partners

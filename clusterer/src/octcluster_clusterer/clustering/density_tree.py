"""From a spanning tree to clusters: HDBSCAN's condensed tree and its choice by excess of mass.

After Campello, Moulavi, Zimek and Sander, 2015, doi:10.1145/2733381, as the package ``hdbscan`` does it
(McInnes, Healy and Astels, "hdbscan: Hierarchical density based clustering", 2017, doi:10.21105/joss.00205).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class _Group:
    """A cluster of the condensed tree: a part that splits off with at least the smallest size.

    Attributes:
        parent: Number of the group it split off from; -1 for the whole.
        birth: Density (1 / distance) at which it split off.
        stability: Sum over its members of the density they stay up to, above that at its birth.
        members: Members that leave it as noise, alone or in too small parts.
    """

    parent: int
    birth: float
    stability: float
    members: list[int]


def find_dense_clusters(
    left: NDArray[np.intp], right: NDArray[np.intp], weights: NDArray[np.float64], min_cluster_size: int
) -> NDArray[np.int32]:
    """Cuts a spanning tree into its most stable clusters.

    The whole is never one cluster.

    Args:
        left: intp, shape (n_members - 1,): one end of each edge.
        right: intp, shape (n_members - 1,): the other end.
        weights: float64, shape (n_members - 1,): lengths of the edges, rising.
        min_cluster_size: Fewest members of a cluster, at least 2.

    Returns:
        int32, shape (n_members,): clusters from 0, -1 for noise.
    """
    groups = _condense(*_join_pairwise(left, right), weights, min_cluster_size)
    chosen = _choose(groups)
    labels = np.full(left.size + 1, -1, dtype=np.int32)
    cluster_of_group = [-1] * len(groups)
    n_clusters = 0
    for number, group in enumerate(groups):  # a parent stands before its children
        if group.parent >= 0 and cluster_of_group[group.parent] >= 0:
            cluster_of_group[number] = cluster_of_group[group.parent]
        elif number in chosen:
            cluster_of_group[number] = n_clusters
            n_clusters += 1
        labels[group.members] = cluster_of_group[number]
    return labels


def _join_pairwise(
    left: NDArray[np.intp], right: NDArray[np.intp]
) -> tuple[list[tuple[int, int]], list[int]]:
    """Joins along the edges in turn: the two nodes of each join, and every node's size.

    Nodes are the members, then the joins.
    """
    n_members = left.size + 1
    parents = list(range(2 * n_members - 1))
    sizes = [1] * n_members
    joins = []

    def find_node(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        first, second = find_node(one), find_node(other)
        parents[first] = parents[second] = len(sizes)
        joins.append((first, second))
        sizes.append(sizes[first] + sizes[second])
    return joins, sizes


def _condense(
    joins: list[tuple[int, int]], sizes: list[int], weights: NDArray[np.float64], min_cluster_size: int
) -> list[_Group]:
    """Walks from the whole downwards; parts that are too small leave, and two large ones are new groups."""
    n_members = len(joins) + 1
    with np.errstate(divide="ignore"):  # members at the same place: endlessly dense
        densities = 1 / weights
    groups = [_Group(-1, 0.0, 0.0, [])]
    waiting = deque([(2 * n_members - 2, 0)])
    while waiting:
        node, number = waiting.popleft()
        group = groups[number]
        density = float(densities[node - n_members])
        parts = joins[node - n_members]
        large = [part for part in parts if sizes[part] >= min_cluster_size]
        leaving = sizes[node] if len(large) != 1 else sizes[node] - sizes[large[0]]
        if density > group.birth:  # not where both are infinite
            group.stability += leaving * (density - group.birth)
        if len(large) == 2:
            for part in large:
                waiting.append((part, len(groups)))
                groups.append(_Group(number, density, 0.0, []))
            continue
        for part in parts:
            if part in large:
                waiting.append((part, number))
            else:
                group.members += _list_members(part, joins)
    return groups


def _list_members(node: int, joins: list[tuple[int, int]]) -> list[int]:
    n_members = len(joins) + 1
    members, nodes = [], [node]
    while nodes:
        node = nodes.pop()
        if node < n_members:
            members.append(node)
        else:
            nodes += joins[node - n_members]
    return members


def _choose(groups: list[_Group]) -> set[int]:
    """Chooses the groups with the largest total stability of which none holds another."""
    chosen: set[int] = set()
    stabilities = [group.stability for group in groups]
    of_children = [0.0] * len(groups)
    for number in range(len(groups) - 1, 0, -1):
        if of_children[number] > stabilities[number]:
            stabilities[number] = of_children[number]
        else:
            chosen.add(number)
        of_children[groups[number].parent] += stabilities[number]
    return chosen

"""The table of classes and clusters of the report, whose cells can be chosen."""

from collections.abc import Sequence

from octcluster.model.class_matching import match_clusters
from octcluster.model.results import ClusteringResult, Contingency
from octcluster.outputs.pages import Fragment, Table
from octcluster.outputs.wording.words import NOISE, name_cluster, show_text


def match_classes(table: Contingency) -> dict[int, int]:
    """Class index by cluster, for the clusters that stand for a class; noise stands for none."""
    columns = [column for column, cluster in enumerate(table.clusters) if cluster != NOISE]
    counts = [[row[column] for column in columns] for row in table.counts]
    return {
        table.clusters[columns[position]]: table.class_indices[row]
        for position, row in match_clusters(counts).items()
    }


def build_contingency(result: ClusteringResult, classes: Sequence[str]) -> Fragment | None:
    """Builds the table; None if no class is known."""
    table = result.contingency
    if table is None:
        return None
    matched = match_classes(table)
    names = [name_cluster(cluster) for cluster in table.clusters]
    rows = [
        {
            "index": index,
            "name": show_text(classes[index]),
            "images": sum(counts),
            "cells": [
                {
                    "cluster": cluster,
                    "name": name,
                    "images": images,
                    "share": images / max(sum(counts), 1),
                    "matched": matched.get(cluster) == index,
                }
                for cluster, name, images in zip(table.clusters, names, counts, strict=True)
            ],
        }
        for index, counts in zip(table.class_indices, table.counts, strict=True)
    ]
    totals = [sum(column) for column in zip(*table.counts, strict=True)]
    plain: list[list[str | int | float | None]] = [
        [show_text(classes[index]), *counts, sum(counts)]
        for index, counts in zip(table.class_indices, table.counts, strict=True)
    ]
    return Fragment(
        "run/report/contingency.html.jinja",
        {
            "clusters": list(zip(table.clusters, names, strict=True)),
            "rows": rows,
            "totals": [*totals, sum(totals)],
        },
        downloads=[Table("contingency", "Classes and clusters", ["class", *names, "all"], plain)],
    )

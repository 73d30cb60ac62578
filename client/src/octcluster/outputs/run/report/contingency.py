"""The table of classes and clusters of the report, whose cells can be chosen."""

from octcluster.outputs.pages import Fragment, Table
from octcluster.outputs.wording.words import name_cluster, show_text
from octcluster.workflows.outcome import RunOutcome


def build_contingency(outcome: RunOutcome) -> Fragment | None:
    """Builds the table; None if no class is known."""
    table, classes = outcome.chosen.contingency, outcome.image_set.classes
    if table is None:
        return None
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
                    "matched": outcome.class_of_cluster.get(cluster) == index,
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
            "unit": outcome.unit,
            "clusters": list(zip(table.clusters, names, strict=True)),
            "rows": rows,
            "totals": [*totals, sum(totals)],
        },
        downloads=[Table("contingency", "Classes and clusters", ["class", *names, "all"], plain)],
    )

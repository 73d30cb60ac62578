"""What leaves the explorer: labels for the next run, names for reports, and images with labels for others.

labels.csv     image,label,patient,group,origin: what 'octcluster run --labels' takes
coco.json      images, categories and one annotation an image, as COCO has them, without boxes
names.json     names and notes of the groups, and the name of each cluster; names no image
unusable.csv   image,patient,group: what a person has marked as unusable
usable.txt     paths of the other images, for 'octcluster run': written where some are unusable

The origin of a label is 'hand' (a person gave it to this image), 'group' (it is the name of the group), or
'suggested' (it was spread from labels that a person gave to other images).
"""

import os
from collections import Counter
from collections.abc import Mapping

import numpy as np

from octcluster.explorer.groups import Groups
from octcluster.explorer.result import UNKNOWN, Result
from octcluster.local.private_folders import make_private_folder
from octcluster.model.errors import ActRefused
from octcluster.outputs.atomic_files import replacing_files
from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.json_files import format_json
from octcluster.outputs.wording.words import are, count
from octcluster.workflows.cluster_names import CLUSTERS
from octcluster.workflows.cluster_names import FILE_NAME as NAMES
from octcluster.workflows.result_id import RESULT_ID

FOLDER = "exports"
LABELS, COCO = "labels.csv", "coco.json"
UNUSABLE, USABLE = "unusable.csv", "usable.txt"
HAND, BY_GROUP, SUGGESTED = "hand", "group", "suggested"
_HALF = 0.5


def list_labels(groups: Groups) -> list[str | None]:
    """The label of each image: the one given by hand, else the name of its group; None if it has no name."""
    names = [group.name or None for group in groups.groups]
    return [
        names[position] if label == UNKNOWN else groups.label_values[label]
        for position, label in zip(groups.group_of.tolist(), groups.labels.tolist(), strict=True)
    ]


def list_origins(groups: Groups) -> list[str | None]:
    """Where the label of each image comes from; None: it has none."""
    given = groups.labels != UNKNOWN
    return [
        SUGGESTED if spread else HAND if own else BY_GROUP if groups.groups[position].name else None
        for position, own, spread in zip(
            groups.group_of.tolist(), given.tolist(), (given & groups.propagated).tolist(), strict=True
        )
    ]


def count_origins(groups: Groups) -> dict[str, int]:
    """Number of usable images by the origin of their labels."""
    counts = Counter(
        origin
        for origin, unusable in zip(list_origins(groups), groups.unusable.tolist(), strict=True)
        if not unusable
    )
    return {origin: counts[origin] for origin in (HAND, BY_GROUP, SUGGESTED)}


def format_labels(result: Result, groups: Groups) -> bytes:
    """Formats ``labels.csv``: one row a usable image, its label empty if it has none.

    Raises:
        ActRefused: No image has a label.
    """
    labels, origins = list_labels(groups), list_origins(groups)
    usable = np.flatnonzero(~groups.unusable).tolist()
    if not any(labels[row] for row in usable):
        raise ActRefused("no image has a label yet: name a group, or label images, then export")
    patients = result.categories.get("patient")
    header = ("image", "label", *(() if patients is None else ("patient",)), "group", "origin")
    return format_table(
        header,
        (
            (
                result.name(row),
                labels[row],
                *(() if patients is None else (patients.value(row),)),
                groups.groups[groups.group_of[row]].shown,
                origins[row],
            )
            for row in usable
        ),
    )


def format_unusable(result: Result, groups: Groups) -> bytes:
    """Formats ``unusable.csv``: one row an unusable image."""
    patients = result.categories.get("patient")
    rows = np.flatnonzero(groups.unusable).tolist()
    return format_table(
        ("image", "patient", "group"),
        (
            (
                result.name(row),
                None if patients is None else patients.value(row),
                groups.groups[groups.group_of[row]].shown,
            )
            for row in rows
        ),
    )


def format_usable(result: Result, groups: Groups) -> bytes:
    """Formats ``usable.txt``: the path of each usable image on a line, ``volume.dcm#12`` for a scan."""
    root = os.path.abspath(result.root)
    rows = np.flatnonzero(~groups.unusable).tolist()
    return b"".join(os.fsencode(os.path.join(root, result.name(row))) + b"\n" for row in rows)


def format_coco(result: Result, groups: Groups) -> bytes:
    """Formats ``coco.json``: usable images with a label; ids are rows of ``assignments.csv``, from 1."""
    labels, origins = list_labels(groups), list_origins(groups)
    rows = [row for row in np.flatnonzero(~groups.unusable).tolist() if labels[row]]
    names = sorted({label for row in rows if (label := labels[row])})
    number_of = {name: number for number, name in enumerate(names, start=1)}
    return format_json(
        {
            "info": {"description": f"Labels of the result {result.result_id} by octcluster explore"},
            "categories": [{"id": number, "name": name} for name, number in number_of.items()],
            "images": [{"id": row + 1, "file_name": result.names[row]} for row in rows],
            "annotations": [
                {
                    "id": row + 1,
                    "image_id": row + 1,
                    "category_id": number_of[labels[row] or ""],
                    "attributes": {
                        "group": groups.groups[groups.group_of[row]].shown,
                        "origin": origins[row],
                    },
                }
                for row in rows
            ],
        }
    )


def format_names(result: Result, groups: Groups) -> bytes:
    """Formats ``names.json``, from which ``octcluster run`` and ``assign`` take the names of clusters."""
    return format_json(
        {
            "run_id": result.run.run_id,
            RESULT_ID: result.result_id,
            CLUSTERS: {str(cluster): name for cluster, name in name_clusters(result, groups).items()},
            "groups": [
                {
                    "id": group.id,
                    "name": group.shown,
                    "note": group.note,
                    "images": size,
                    "cluster": group.cluster,
                }
                for group, size in zip(groups.groups, groups.sizes(), strict=True)
                if size
            ],
        }
    )


def name_clusters(result: Result, groups: Groups) -> dict[int, str]:
    """The name of each of the run's clusters: that of the group in which most of its images are now.

    A cluster of which no group has more than half, or whose group has no name, has none.
    """
    named = {}
    for cluster in np.unique(result.clusters).tolist():
        positions = groups.group_of[result.clusters == cluster]
        sizes = np.bincount(positions, minlength=len(groups.groups))
        group = groups.groups[int(sizes.argmax())]
        if group.name and cluster != UNKNOWN and sizes.max() > _HALF * len(positions):
            named[cluster] = group.name
    return named


def write_names(result: Result, groups: Groups) -> None:
    """Writes ``names.json`` beside the run; raises OSError."""
    with replacing_files(result.folder, NAMES) as write:
        write(NAMES, format_names(result, groups))


def write_exports(result: Result, groups: Groups) -> Mapping[str, object]:
    """Writes all exports into a folder in that of the run, and says what is in them.

    Raises:
        ActRefused: No image has a label.
        OSError: A file cannot be written.
    """
    some = bool(groups.unusable.any())
    contents = {
        LABELS: format_labels(result, groups),
        COCO: format_coco(result, groups),
        NAMES: format_names(result, groups),
        UNUSABLE: format_unusable(result, groups) if some else None,
        USABLE: format_usable(result, groups) if some and not result.of_vectors else None,
    }
    folder = result.folder / FOLDER
    make_private_folder(folder)
    with replacing_files(folder, LABELS) as write:
        for name, content in contents.items():
            write(name, content)
    origins, unusable = count_origins(groups), int(groups.unusable.sum())
    labelled = sum(origins.values())
    return {
        "files": [f"{FOLDER}/{name}" for name, content in contents.items() if content is not None],
        "images": labelled,
        "origins": origins,
        "left": {"unnamed": len(groups.unusable) - unusable - labelled, "unusable": unusable},
        "text": describe_exports(result, groups, "RESULT", "IMAGES"),
    }


def describe_exports(result: Result, groups: Groups, folder: str, images: str) -> str:
    """Says what was exported, and what to do with it.

    Args:
        result: The result.
        groups: Its groups.
        folder: What to call the result's folder.
        images: What to call the images' folder.
    """
    origins, unusable = count_origins(groups), int(groups.unusable.sum())
    exports = f"{folder}/{FOLDER}"
    text = (
        f"{count(sum(origins.values()), 'label')} of {count(len(groups.unusable), 'image')} are in "
        f"{exports}/{LABELS}: {origins[HAND]:,} by hand, {origins[BY_GROUP]:,} by the name of the group, "
        f"{origins[SUGGESTED]:,} suggested (column 'origin'). "
    )
    if origins[SUGGESTED]:
        text += "Nobody has looked at the suggested ones. "
    source = images
    if unusable:
        text += f"{count(unusable, 'image')} {are(unusable)} unusable ({exports}/{UNUSABLE}). "
        source = images if result.of_vectors else f"{exports}/{USABLE}"
    return f"{text}Next: octcluster run {source} --labels {exports}/{LABELS} --out NEXT"

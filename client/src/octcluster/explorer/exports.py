"""What leaves the explorer: labels for the next run, names for reports, and images with labels for others.

labels.csv   image,label,patient: what 'octcluster run --labels' takes
coco.json    images, categories and one annotation an image, as COCO has them, without boxes
names.json   names and notes of the groups, and the name of each cluster; names no image
"""

from collections.abc import Iterator, Mapping

import numpy as np

from octcluster.explorer.groups import Groups
from octcluster.explorer.result import UNKNOWN, Result
from octcluster.local.private_folders import make_private_folder
from octcluster.model.errors import ActRefused
from octcluster.outputs.atomic_files import replacing_files
from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.json_files import format_json
from octcluster.workflows.cluster_names import CLUSTERS
from octcluster.workflows.cluster_names import FILE_NAME as NAMES
from octcluster.workflows.result_id import RESULT_ID

FOLDER = "exports"
LABELS, COCO = "labels.csv", "coco.json"
_HALF = 0.5


def list_labels(groups: Groups) -> list[str | None]:
    """The label of each image: the one given by hand, else the name of its group; None if it has no name."""
    names = [group.name or None for group in groups.groups]
    return [
        names[position] if label == UNKNOWN else groups.label_values[label]
        for position, label in zip(groups.group_of.tolist(), groups.labels.tolist(), strict=True)
    ]


def format_labels(result: Result, groups: Groups) -> bytes:
    """Formats ``labels.csv``: one row a usable image, its label empty if it has none.

    Raises:
        ActRefused: No image has a label.
    """
    rows = list(_list_rows(result, groups))
    if not any(label for _, label, _ in rows):
        raise ActRefused("no image has a label yet: name a group, or label images, then export")
    if "patient" in result.categories:
        return format_table(("image", "label", "patient"), rows)
    return format_table(("image", "label"), [row[:2] for row in rows])


def format_coco(result: Result, groups: Groups) -> bytes:
    """Formats ``coco.json``: usable images with a label; ids are rows of ``assignments.csv``, from 1."""
    labels = list_labels(groups)
    rows = [row for row in np.flatnonzero(~groups.unusable).tolist() if labels[row]]
    names = sorted({label for row in rows if (label := labels[row])})
    number_of = {name: number for number, name in enumerate(names, start=1)}
    return format_json(
        {
            "info": {"description": f"Labels of the result {result.result_id} by octcluster explore"},
            "categories": [{"id": number, "name": name} for name, number in number_of.items()],
            "images": [{"id": row + 1, "file_name": result.names[row]} for row in rows],
            "annotations": [
                {"id": row + 1, "image_id": row + 1, "category_id": number_of[labels[row] or ""]}
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
    contents = {
        LABELS: format_labels(result, groups),
        COCO: format_coco(result, groups),
        NAMES: format_names(result, groups),
    }
    folder = result.folder / FOLDER
    make_private_folder(folder)
    with replacing_files(folder, LABELS) as write:
        for name, content in contents.items():
            write(name, content)
    usable = np.flatnonzero(~groups.unusable).tolist()
    labels = list_labels(groups)
    labelled = sum(labels[row] is not None for row in usable)
    return {
        "files": [f"{FOLDER}/{name}" for name in contents],
        "images": labelled,
        "left": {"unnamed": len(usable) - labelled, "unusable": int(groups.unusable.sum())},
        "text": f"{', '.join(contents)} are in the folder '{FOLDER}' of the result. "
        f"'octcluster run IMAGES --labels RESULT/{FOLDER}/{LABELS}' takes the labels.",
    }


def _list_rows(result: Result, groups: Groups) -> Iterator[tuple[str, str | None, str | None]]:
    labels = list_labels(groups)
    patients = result.categories.get("patient")
    for row in np.flatnonzero(~groups.unusable).tolist():
        yield result.name(row), labels[row], None if patients is None else patients.value(row)

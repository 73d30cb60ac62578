"""describe.json and the tables that ``octcluster describe`` leaves."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from octcluster.images.headers import ImageHeader
from octcluster.images.leaks import Leaks, find_leaks, split_of
from octcluster.images.likeness import FINGERPRINT_BITS, MAX_DIFFERENT_BITS
from octcluster.model.results import Duplicates, NearDuplicate
from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.description import Description, count_by, count_subsets, spread_by_class

MEASURES: Mapping[str, Callable[[ImageHeader], int]] = {
    "width": lambda header: header.width,
    "height": lambda header: header.height,
    "file_bytes": lambda header: header.file_bytes,
}

_HEADER_COLUMNS = ("format", "width", "height", "channels", "bits", "file_bytes")


def gather_duplicates(description: Description) -> Duplicates:
    """All pairs of images that are the same or look so, equal files first."""
    pairs = [*description.copies, *(description.alike or ())]
    return Duplicates(pairs, len(pairs), 1 - MAX_DIFFERENT_BITS / FINGERPRINT_BITS)


def leaks_of(description: Description) -> Leaks:
    """Patients and duplicates in more than one class or split."""
    return find_leaks(description.image_set.images, gather_duplicates(description))


def format_description(
    description: Description,
    samples: Mapping[str | None, Sequence[int]],
    arguments: Mapping[str, object],
    started: datetime,
) -> bytes:
    """Formats describe.json, which stays on this machine, for its arguments may name patients.

    Args:
        description: What was found.
        samples: Positions of the images that were drawn, by class.
        arguments: Arguments of the command, JSON values by name.
        started: When the work began, with a time zone.

    Returns:
        The file's content.
    """
    images = description.image_set.images
    document = {
        "images": len(images),
        "failed": len(description.failures),
        "ignored_files": description.image_set.ignored_files,
        "label_source": description.image_set.label_source,
        "classes": description.image_set.classes,
        "splits": description.splits,
        "subsets": [_rename_label(asdict(subset)) for subset in count_subsets(description)],
        **{
            name: [
                {"class": label, **asdict(spread)}
                for label, spread in spread_by_class(description, measure).items()
            ]
            for name, measure in MEASURES.items()
        },
        "formats": _list_kinds(
            description,
            ("format", "channels", "bits"),
            lambda header: (header.format, header.channels, header.bits),
        ),
        "sizes": _list_kinds(description, ("width", "height"), lambda header: (header.width, header.height)),
        "patients": _describe_patients(description),
        "duplicates": _describe_duplicates(description),
        "samples": [
            {"class": label, "images": [images[position].name for position in positions]}
            for label, positions in samples.items()
        ],
        "started": started.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "versions": dict(description.versions),
        "arguments": dict(arguments),
        "seconds_by_stage": {name: round(seconds, 3) for name, seconds in description.stage_seconds.items()},
    }
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()


def format_images(description: Description) -> bytes:
    """Formats images.csv: one row an image, sorted by path; empty where the header cannot be read."""
    rows = (
        (
            image.name,
            split_of(image.name),
            image.label,
            image.patient,
            *(("",) * len(_HEADER_COLUMNS) if found is None else _cells(found)),
        )
        for image, found in zip(description.image_set.images, description.headers, strict=True)
    )
    return format_table(("image", "split", "label", "patient", *_HEADER_COLUMNS), rows)


def format_patients(description: Description) -> bytes:
    """Formats patients.csv: one row a patient, sorted; several classes or splits have a semicolon between."""
    images: dict[str, int] = {}
    classes: dict[str, set[str]] = {}
    splits: dict[str, set[str]] = {}
    for image in description.image_set.images:
        if image.patient is not None:
            images[image.patient] = images.get(image.patient, 0) + 1
            classes.setdefault(image.patient, set()).update({image.label} - {None})  # type: ignore[arg-type]
            splits.setdefault(image.patient, set()).update({split_of(image.name)} - {None})  # type: ignore[arg-type]
    rows = (
        (patient, number, ";".join(sorted(classes[patient])), ";".join(sorted(splits[patient])))
        for patient, number in sorted(images.items())
    )
    return format_table(("patient", "images", "classes", "splits"), rows)


def format_all_duplicates(description: Description) -> bytes:
    """Formats duplicates.csv: one row a pair, equal files (``copy``) before images that look alike."""
    images = description.image_set.images

    def rows(kind: str, pairs: Iterable[NearDuplicate]) -> Iterable[tuple[str, str, str, str]]:
        for pair in pairs:
            first, second = images[pair.first_member], images[pair.second_member]
            yield first.name, second.name, f"{pair.similarity:.6f}", kind

    found = [*rows("copy", description.copies), *rows("alike", description.alike or ())]
    return format_table(("image", "other_image", "similarity", "kind"), found)


def _cells(header: ImageHeader) -> tuple[int | str, ...]:
    return header.format, header.width, header.height, header.channels, header.bits, header.file_bytes


def _rename_label(subset: dict[str, object]) -> dict[str, object]:
    return {"class" if name == "label" else name: value for name, value in subset.items()}


def _list_kinds(
    description: Description,
    names: Sequence[str],
    kind: Callable[[ImageHeader], tuple[int | str, ...]],
) -> list[dict[str, object]]:
    return [
        {**dict(zip(names, found, strict=True)), "images": number}
        for found, number in count_by(description, kind)
    ]


def _describe_patients(description: Description) -> dict[str, object]:
    leaks = leaks_of(description)
    unknown = sum(image.patient is None for image in description.image_set.images)
    return {
        "known": leaks.patients,
        "images_without": unknown,
        "in_several_classes": len(leaks.patients_in_classes),
        "in_several_splits": len(leaks.patients_in_splits),
    }


def _describe_duplicates(description: Description) -> dict[str, object]:
    leaks = leaks_of(description)
    alike = description.alike
    return {
        "copies": len(description.copies),
        "alike": None if alike is None else len(alike),
        "alike_reason": "no pixels were read (--headers-only)" if alike is None else None,
        "least_similarity": 1 - MAX_DIFFERENT_BITS / FINGERPRINT_BITS,
        "across_patients": leaks.pairs_across_patients,
        "across_classes": leaks.pairs_across_classes,
        "across_splits": leaks.pairs_across_splits,
    }

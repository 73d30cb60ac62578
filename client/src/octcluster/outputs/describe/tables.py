"""The CSV tables of ``octcluster describe``: images.csv, patients.csv and duplicates.csv."""

from collections.abc import Iterable, Iterator, Sequence

from octcluster.images.headers import ImageHeader
from octcluster.model.results import NearDuplicate
from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.scan_columns import list_scan_columns, list_spacing_columns
from octcluster.workflows.description import Description

_HEADER_COLUMNS = ("format", "width", "height", "channels", "bits", "file_bytes")


def format_images(description: Description) -> bytes:
    """Formats images.csv; see ``list_images``."""
    return format_table(*list_images(description))


def list_images(description: Description) -> tuple[Sequence[str], Iterator[Sequence[object]]]:
    """Columns and rows: one row an image, sorted by path; empty where the header cannot be read.

    Last come the columns of ``list_scan_columns``, and the spacing if any is known.
    """
    images = description.image_set.images
    more = list_scan_columns(images) | list_spacing_columns(images)
    rows = (
        (
            image.name,
            image.split,
            image.label,
            image.patient,
            *(("",) * len(_HEADER_COLUMNS) if found is None else _cells(found)),
            *rest,
        )
        for image, found, *rest in zip(images, description.headers, *more.values(), strict=True)
    )
    return ("image", "split", "label", "patient", *_HEADER_COLUMNS, *more), rows


def format_patients(description: Description) -> bytes | None:
    """Formats patients.csv: one row a patient, sorted; several classes or splits have a semicolon between.

    None if no patient is known.
    """
    images: dict[str, int] = {}
    classes: dict[str, set[str]] = {}
    splits: dict[str, set[str]] = {}
    for image in description.image_set.images:
        if image.patient is not None:
            images[image.patient] = images.get(image.patient, 0) + 1
            classes.setdefault(image.patient, set()).update({image.label} - {None})  # type: ignore[arg-type]
            splits.setdefault(image.patient, set()).update({image.split} - {None})  # type: ignore[arg-type]
    if not images:
        return None
    rows = (
        (patient, number, ";".join(sorted(classes[patient])), ";".join(sorted(splits[patient])))
        for patient, number in sorted(images.items())
    )
    return format_table(("patient", "images", "classes", "splits"), rows)


def format_all_duplicates(description: Description) -> bytes | None:
    """Formats duplicates.csv: one row a pair, equal files (``copy``) before images that look alike.

    None if there is no pair.
    """
    images = description.image_set.images

    def rows(kind: str, pairs: Iterable[NearDuplicate]) -> Iterable[tuple[str, str, str, str]]:
        for pair in pairs:
            first, second = images[pair.first_member], images[pair.second_member]
            yield first.name, second.name, f"{pair.similarity:.6f}", kind

    found = [*rows("copy", description.copies), *rows("alike", description.alike or ())]
    return format_table(("image", "other_image", "similarity", "kind"), found) if found else None


def _cells(header: ImageHeader) -> tuple[int | str, ...]:
    return header.format, header.width, header.height, header.channels, header.bits, header.file_bytes

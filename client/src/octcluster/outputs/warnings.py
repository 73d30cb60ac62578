"""warnings.csv: the images that are used although something is wrong with them, and the cure."""

from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import PixelReport


def format_warnings(pixels: PixelReport) -> bytes | None:
    """Formats one row a warning, in the order of the images; None if there is none."""
    if not pixels.warnings:
        return None
    rows = ((image.name, found.fault.kind, found.sentence) for image, found in pixels.warnings)
    return format_table(("image", "kind", "warning"), rows)

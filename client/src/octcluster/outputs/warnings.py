"""warnings.csv: the images that are used although something is wrong with them, and the cure."""

from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import Mark, PixelReport


def format_warnings(pixels: PixelReport, mark: Mark | None = None) -> bytes | None:
    """Formats one row a warning, in the order of the images; None if there is none. The mark comes last."""
    if not pixels.warnings:
        return None
    rows = ((image.name, found.fault.kind, found.sentence) for image, found in pixels.warnings)
    return format_table(("image", "kind", "warning"), rows, mark)

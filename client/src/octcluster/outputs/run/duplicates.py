"""duplicates.csv: pairs of images that are the same, or nearly so."""

from octcluster.model.results import Duplicates
from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import RunOutcome

HEADER = ("image", "other_image", "similarity")


def format_duplicates(outcome: RunOutcome, duplicates: Duplicates) -> bytes:
    """Formats one row a pair, the most similar first: all copies, and at most 1000 others."""
    members = outcome.members
    rows = (
        (members[pair.first_member].name, members[pair.second_member].name, f"{pair.similarity:.6f}")
        for pair in duplicates.pairs
    )
    return format_table(HEADER, rows)

"""duplicates.csv: pairs of images that are the same, or nearly so."""

from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import RunOutcome

HEADER = ("image", "other_image", "similarity")


def format_duplicates(outcome: RunOutcome) -> bytes | None:
    """Formats one row a pair, all copies and at most 1000 others; None if there is no pair."""
    members, duplicates = outcome.members, outcome.result.duplicates
    if not duplicates.pairs:
        return None
    rows = (
        (members[pair.first_member].name, members[pair.second_member].name, f"{pair.similarity:.6f}")
        for pair in duplicates.pairs
    )
    return format_table(HEADER, rows, outcome.mark)

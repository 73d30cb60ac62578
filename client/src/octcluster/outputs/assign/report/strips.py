"""The eyes of an assignment's report, the doubtful ones first."""

from octcluster.outputs.assign.eyes import DOUBTFUL_MARGIN, EyeRow, describe_rows
from octcluster.outputs.pages.eye_strips import EyeStrip
from octcluster.outputs.pages.image_names import ImageNames
from octcluster.outputs.wording.words import count
from octcluster.workflows.outcome import AssignOutcome

_EYES_WITH_PICTURES = 12


def build_strips(outcome: AssignOutcome, images: ImageNames) -> list[EyeStrip]:
    """Builds the strip of each eye, named as the images are: by a pseudonym, or by its own name."""
    names = ImageNames(
        [placed.eye for placed in outcome.eyes],
        outcome.members,
        identified=images.identified,
        thumbnails=images.thumbnails,
    )
    rows = list(enumerate(describe_rows(outcome)))
    rows.sort(key=lambda item: not item[1].doubtful)
    return [
        EyeStrip(
            name=names.show(number),
            summary=_summarize(outcome, row),
            clusters=[outcome.placements.clusters[scan] for scan in row.placement.eye.rows],
            marked=[list(row.placement.eye.rows).index(scan) for scan in row.speaking],
            warning=_explain_doubt(row),
            pictures=[images.picture(scan) for scan in row.speaking]
            if images.thumbnails and shown < _EYES_WITH_PICTURES
            else [],
        )
        for shown, (number, row) in enumerate(rows)
    ]


def _summarize(outcome: AssignOutcome, row: EyeRow) -> str:
    placed, scans = row.placement, count(len(row.placement.eye.rows), "scan")
    if placed.cluster is None or placed.margin is None:
        return f"{scans}: too many for one request, so that only the scans have clusters."
    name = outcome.model.class_of_cluster.get(placed.cluster)
    stands = f", which stands for {name}" if name else ""
    label = f" Known class: {placed.eye.label}." if placed.eye.label else ""
    agree = "It has one scan." if row.agreement is None else f"{row.agreement:.0%} of {scans} lie in it."
    return f"Cluster {placed.cluster}{stands}; margin {placed.margin:.2f}. {agree}{label}"


def _explain_doubt(row: EyeRow) -> str:
    if not row.doubtful:
        return ""
    margin = row.placement.margin
    return "small margin" if margin is None or margin < DOUBTFUL_MARGIN else "most scans in other clusters"

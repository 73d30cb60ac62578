"""The sections of an assignment's report, in the order in which they are read."""

from collections import Counter

from octcluster.outputs.assign.report.clusters import build_cards
from octcluster.outputs.assign.report.strips import build_strips
from octcluster.outputs.pages import Section, Table, Text
from octcluster.outputs.pages.cluster_cards import show_cards
from octcluster.outputs.pages.eye_strips import show_strips
from octcluster.outputs.pages.image_names import ImageNames
from octcluster.outputs.wording.words import name_cluster, show_text
from octcluster.workflows.outcome import AssignOutcome

_CHOICE = (
    "Some images of each cluster are worth a look. The clearest have the largest margins. The most doubtful "
    "have the smallest: about 0 another cluster suits as well. The most outlying are farther from the mean "
    "than most of the run's own images (percentile)."
)


def build_sections(outcome: AssignOutcome, names: ImageNames) -> list[Section]:
    """Builds all sections; what there is no data for is left out."""
    sections = [
        Section(
            "clusters",
            "The clusters",
            [Text([_CHOICE, names.explanation]), show_cards(build_cards(outcome, names))],
        )
    ]
    if outcome.eyes:
        sections.insert(0, Section("eyes", "The eyes", [show_strips(build_strips(outcome, names))]))
    if outcome.image_set.classes:
        sections.append(Section("classes", "Classes and clusters", [_tabulate_classes(outcome)]))
    return sections


def _tabulate_classes(outcome: AssignOutcome) -> Table:
    """All images by class and cluster."""
    clusters = range(len(outcome.model.cluster_sizes))
    found = Counter(zip((image.label for image in outcome.members), outcome.placements.clusters, strict=True))
    header = ["class", *map(name_cluster, clusters)]
    rows: list[list[str | int | float | None]] = [
        [show_text(name), *(found[name, cluster] for cluster in clusters)]
        for name in outcome.image_set.classes
    ]
    title = "Images of each known class (rows) in each cluster; those of the run are counted, too"
    return Table("contingency", title, header, rows)

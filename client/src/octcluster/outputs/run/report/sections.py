"""The sections of the report, in the order in which they are read."""

from collections.abc import Mapping

from octcluster.images.leaks import knows_patients
from octcluster.model.results import ClusteringResult
from octcluster.outputs.pages import Fragment, Section, Table, Text
from octcluster.outputs.pages.cluster_cards import show_cards
from octcluster.outputs.pages.image_names import ImageNames
from octcluster.outputs.pages.leaking_patients import tabulate_patients
from octcluster.outputs.pages.parts import Part
from octcluster.outputs.run.report.clusters import build_cards
from octcluster.outputs.run.report.contingency import build_contingency
from octcluster.outputs.run.report.eyes import build_eyes
from octcluster.outputs.run.report.figures import (
    describe_kept_variance,
    plot_by_k,
    plot_cluster_sizes,
    plot_silhouettes,
    plot_variance,
)
from octcluster.outputs.run.report.scatter import Scatter
from octcluster.outputs.run.report.score_table import build_score_table
from octcluster.outputs.wording.leaks import LISTED_IN_SCORES, describe_leaks
from octcluster.outputs.wording.second_choice import describe_second, explain_choice, tabulate_second
from octcluster.outputs.wording.trust import (
    describe_audit,
    describe_stability,
    tabulate_audit,
    tabulate_stability,
)
from octcluster.workflows.outcome import RunOutcome

_COLOURINGS: Mapping[str, str] = {
    "cluster": "cluster",
    "class": "known class",
    "agreement": "agreement",
    "silhouette": "silhouette",
}

_CHOICE = (
    "Some {unit}s of each cluster are worth a look. The most typical have the largest silhouettes. The most "
    "ambiguous have the smallest: near 0 they lie between two clusters, below 0 they are closer to another "
    "one. The most outlying are farthest from the mean of their cluster."
)


def build_sections(outcome: RunOutcome, names: ImageNames, scatter: Scatter) -> list[Section]:
    """Builds all sections; what there is no data for is left out."""
    chosen = outcome.chosen
    classes = outcome.image_set.classes
    sections = [
        Section(
            "clusters",
            "The clusters",
            [
                Text([_CHOICE.format(unit=outcome.unit)]),
                show_cards(build_cards(outcome, names)),
            ],
        )
    ]
    if eyes := build_eyes(outcome, names):
        sections.append(eyes)
    if second := tabulate_second(outcome):
        table = Table("second-choice", describe_second(outcome), *second)
        sections.append(Section("second", "The number of clusters", [Text(explain_choice(outcome)), table]))
    contingency = build_contingency(outcome)
    if contingency is not None:
        explained = Text(
            [
                "A good clustering has one large number in each row and in each column. Darker is a larger "
                "share of the class. The underlined number is that of the cluster that stands for the "
                "class. Choose a cell, a class or a cluster to see what lies in it in all plots."
            ]
        )
        sections.append(Section("classes", "Classes and clusters", [explained, contingency]))
    figures = [
        plot_cluster_sizes(chosen, classes, outcome.unit),
        plot_silhouettes(outcome),
        *plot_by_k(outcome.result),
    ]
    kept = describe_kept_variance(outcome.result, outcome.spec.preparation)
    variance = plot_variance(outcome.result.explained_variance_ratios, kept)
    return [
        *sections,
        Section("map", f"The {outcome.unit}s in two dimensions", [_explore(names, scatter)]),
        Section("separation", "Sizes and separation", [figure for figure in figures if figure]),
        Section("trust", "How far to trust it", _list_trust(outcome, chosen, identified=names.identified)),
        Section("scores", "All scores", [build_score_table(outcome)]),
        *([Section("preparation", "What the preparation kept", [variance])] if variance else []),
    ]


def _explore(names: ImageNames, scatter: Scatter) -> Fragment:
    of_classes = ("class", "agreement") if scatter.by_class else ()
    colourings = [(each, _COLOURINGS[each]) for each in ("cluster", *of_classes, "silhouette")]
    return Fragment(
        "run/report/explorer.html.jinja",
        {"scatter": scatter, "colourings": colourings, "naming": names.explanation},
        downloads=[scatter.centres],
    )


def _list_trust(outcome: RunOutcome, chosen: ClusteringResult, *, identified: bool) -> list[Part]:
    parts: list[Part] = []
    redrawn = "patients" if knows_patients(outcome.members) else "images"
    if any(score.interval is not None for _, score in chosen.scores.items()):
        parts.append(
            Text(
                [
                    f"The 95% interval beside a score says where it would lie with other {redrawn} like "
                    f"these: 95 of 100 redraws of the {redrawn} lie in it. An interval "
                    "without width is no certainty: it says that what is rare was not among these images."
                ]
            )
        )
    stability = describe_stability(chosen, len(outcome.members), of_patients=redrawn == "patients")
    if stability:
        parts.append(Text([stability], "Would other images give the same clusters?"))
        if rows_of_clusters := tabulate_stability(chosen):
            header = ["cluster", "similarity", "what it says"]
            parts.append(
                Table(
                    "stability", "How alike each cluster reappears", header, rows_of_clusters, collapsed=True
                )
            )
    rows = tabulate_audit(chosen)
    if rows:
        sentences = [
            *describe_audit(chosen),
            "AMI, adjusted mutual information, is 0 by chance, and 1 if one determines the other. Clusters "
            "of pathologies have little of it with the image's size, brightness and border.",
        ]
        header = ["property", "adjusted mutual information", "mutual information (nats)", f"{outcome.unit}s"]
        parts.append(Text(sentences, "What explains the clusters?"))
        parts.append(Table("associations", "What explains the clusters", header, rows))
    named = tabulate_patients(outcome.leaks) if identified else None
    listing = "the table below and scores.json list them" if named else LISTED_IN_SCORES
    if found := describe_leaks(outcome.leaks, outcome.result.duplicates, listing=listing):
        parts.append(Text(found, "Are there duplicates, or patients in several classes?"))
    return [*parts, named] if named else parts

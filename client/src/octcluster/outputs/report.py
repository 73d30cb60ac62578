"""report.html: what a run found, in one file that needs no network and names no image and no patient."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources

from octcluster.leaks import find_leaks
from octcluster.outputs.figures import build_figures
from octcluster.outputs.scatter import build_scatter
from octcluster.outputs.trust import (
    describe_audit,
    describe_leaks,
    describe_stability,
    tabulate_audit,
    tabulate_stability,
)
from octcluster.outputs.words import (
    RESEARCH_USE_ONLY,
    count,
    describe_answer,
    format_interval,
    format_score,
    name_algorithm,
    show_text,
)
from octcluster.results import ClusteringResult
from octcluster.runs import Preparation
from octcluster.workflows.outcome import RunOutcome

SCORE_TITLES = {
    "silhouette": ("silhouette", "how much nearer images are to their own cluster than to the next; -1 to 1"),
    "accuracy": (
        "accuracy",
        "share of images in the cluster of their class, one cluster for one class; 0 to 1",
    ),
    "adjusted_rand_index": (
        "ARI",
        "adjusted Rand index: agreement on pairs of images; 0 is chance, 1 perfect",
    ),
    "adjusted_mutual_information": ("AMI", "adjusted mutual information; 0 is chance, 1 perfect"),
    "normalized_mutual_information": (
        "NMI",
        "normalized mutual information, not corrected for chance; 0 to 1",
    ),
    "homogeneity": ("homogeneity", "1 if each cluster holds one class only"),
    "completeness": ("completeness", "1 if each class lies in one cluster only"),
    "v_measure": ("V-measure", "harmonic mean of homogeneity and completeness"),
    "fowlkes_mallows": (
        "Fowlkes-Mallows",
        "geometric mean of precision and recall on pairs of images; 0 to 1",
    ),
    "purity": (
        "purity",
        "share of images in the most frequent class of their cluster; grows with the number of clusters",
    ),
}


def format_report(outcome: RunOutcome, started: datetime) -> bytes:
    """Formats the report.

    Images appear as ``image 17``, which is row 17 of assignments.csv; file names, paths and patients do not
    appear.

    Args:
        outcome: What the run found.
        started: When the run began, with a time zone.

    Returns:
        The page, UTF-8.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415
    from plotly.offline import get_plotlyjs  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("octcluster.outputs", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    result = outcome.result
    chosen = result.results[result.chosen]
    scripts = [get_plotlyjs(), _read_part("report.js")]
    figures = build_figures(outcome)
    page = environment.get_template("report.html.jinja").render(
        title=f"{count(chosen.clusters, 'cluster')} in {count(len(outcome.members), 'OCT image')}",
        research_use_only=RESEARCH_USE_ONLY,
        started=started.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        answer=describe_answer(chosen, _count_class_sizes(outcome), whitened=outcome.spec.preparation.whiten),
        chosen_reason=show_text(result.chosen_reason).rstrip(".") if len(result.results) > 1 else "",
        failed=count(len(outcome.failures), "image") if outcome.failures else "",
        tiles=_list_tiles(outcome, chosen),
        trust=_describe_trust(outcome, chosen),
        score_titles=SCORE_TITLES,
        results=_list_results(result.results, result.chosen),
        reasons=_list_reasons(result.results),
        figures=figures,
        scatter=build_scatter(outcome),
        facts=_list_facts(outcome),
        plots={figure.identifier: {"data": figure.traces, "layout": figure.layout} for figure in figures},
        style=Markup(_read_part("report.css")),  # noqa: S704
        scripts=[Markup(script) for script in scripts],  # noqa: S704
        script_digests=[_digest(script) for script in scripts],
    )
    return page.encode("utf-8")


def _read_part(name: str) -> str:
    return resources.files("octcluster.outputs").joinpath(name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    """The script's source expression in a Content-Security-Policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _count_class_sizes(outcome: RunOutcome) -> list[int]:
    labels = [image.label for image in outcome.members]
    return [labels.count(name) for name in outcome.image_set.classes]


def _describe_trust(outcome: RunOutcome, chosen: ClusteringResult) -> dict[str, object]:
    leaks = find_leaks(outcome.members, outcome.result.duplicates)
    return {
        "stability": describe_stability(chosen),
        "clusters": tabulate_stability(chosen),
        "audit": describe_audit(chosen),
        "associations": tabulate_audit(chosen),
        "leaks": describe_leaks(leaks, outcome.result.duplicates),
        "intervals": any(score.interval is not None for _, score in chosen.scores.items()),
    }


def _list_tiles(outcome: RunOutcome, chosen: ClusteringResult) -> list[tuple[str, str, str]]:
    tiles = [("images", f"{len(outcome.members):,}", ""), ("clusters", str(chosen.clusters), "")]
    names = ["silhouette"]
    if outcome.image_set.classes:
        tiles.append(("known classes", str(len(outcome.image_set.classes)), ""))
        names = ["accuracy", "adjusted_rand_index", "silhouette"]
    scores = [(SCORE_TITLES[name][0], getattr(chosen.scores, name)) for name in names]
    if chosen.stability is not None:
        scores.append(("stability", chosen.stability.overall))
    tiles += [(title, format_score(score), format_interval(score)) for title, score in scores]
    if outcome.failures:
        tiles.append(("failed images", f"{len(outcome.failures):,}", ""))
    return tiles


def _list_reasons(results: Sequence[ClusteringResult]) -> list[str]:
    """Why scores are undefined, each reason once."""
    found = (score.undefined_reason for result in results for _, score in result.scores.items())
    return list(dict.fromkeys(show_text(reason) for reason in found if reason))


def _list_results(results: Sequence[ClusteringResult], chosen: int) -> list[dict[str, object]]:
    reasons = _list_reasons(results)
    return [
        {
            "algorithm": name_algorithm(result.algorithm),
            "k": "own choice" if result.requested_clusters is None else result.requested_clusters,
            "clusters": result.clusters,
            "noise": f"{result.noise:,}",
            "scores": [
                (
                    format_score(score),
                    format_interval(score),
                    reasons.index(show_text(score.undefined_reason)) + 1 if score.undefined_reason else 0,
                )
                for _, score in result.scores.items()
            ],
            "seconds": f"{result.seconds:.2f}",
            "chosen": index == chosen,
        }
        for index, result in enumerate(results)
    ]


def _list_facts(outcome: RunOutcome) -> list[tuple[str, str]]:
    space, spec = outcome.space, outcome.spec
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in outcome.stage_seconds.items())
    facts = [
        ("recipe", outcome.recipe.name or "none of the named ones"),
        ("model", f"{space.model}, features {space.features}, {space.dimension:,} values an image"),
        ("weights", f"SHA-256 {space.weights_digest}"),
        ("preprocessing", space.preprocessing_version),
        ("preparation", _describe_preparation(spec.preparation, outcome.result.prepared_dimension)),
        ("seed", str(spec.seed)),
        ("runtime", outcome.runtime),
        ("versions", ", ".join(f"{name} {version}" for name, version in outcome.versions.items())),
        (
            "images",
            f"{outcome.embedded:,} embedded, {outcome.cached:,} from the cache, "
            f"{len(outcome.failures):,} failed",
        ),
        ("time", seconds),
    ]
    return [(name, show_text(value)) for name, value in facts]


def _describe_preparation(preparation: Preparation, dimension: int) -> str:
    steps = []
    if preparation.l2_normalize:
        steps.append("unit length")
    if preparation.standardize:
        steps.append("each dimension standardized")
    if isinstance(preparation.pca, float):
        steps.append(f"PCA to {preparation.pca:.4g} of the variance")
    elif preparation.pca is not None:
        steps.append(f"PCA to {count(preparation.pca, 'component')}")
    if preparation.whiten:
        steps.append("whitened")
    if preparation.whiten_within_groups:
        steps.append("whitened within patients who have several images")
    if preparation.normalize_prepared:
        steps.append("unit length again")
    return f"{', '.join(steps) or 'none'}; {dimension:,} values an image"

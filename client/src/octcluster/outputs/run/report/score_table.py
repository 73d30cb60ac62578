"""All scores of all results, for the report."""

from collections.abc import Sequence

from octcluster.model.results import ClusteringResult
from octcluster.outputs.pages import Fragment, Table
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.outputs.wording.words import (
    describe_joining,
    describe_noise,
    format_interval,
    format_score,
    name_algorithm,
    show_text,
)
from octcluster.workflows.outcome import RunOutcome


def build_score_table(outcome: RunOutcome) -> Fragment:
    """Builds the table of each clustering's scores, with their intervals and reasons."""
    results, chosen = outcome.result.results, outcome.result.chosen
    return Fragment(
        "run/report/scores.html.jinja",
        {
            "names": SCORE_NAMES,
            "results": _list_results(results, chosen),
            "reasons": _list_reasons(results),
            "notes": [
                *describe_joining(results, outcome.unit),
                *describe_noise(results),
                *_explain_estimates(results),
            ],
        },
        downloads=[_tabulate_scores(results, chosen)],
    )


def _explain_estimates(results: Sequence[ClusteringResult]) -> list[str]:
    if not any(result.scores.silhouette.sampled_units for result in results):
        return []
    return [
        "\N{ALMOST EQUAL TO} marks an estimate: the mean silhouette of a random sample, with its 95% "
        "interval. All other scores are exact."
    ]


def _tabulate_scores(results: Sequence[ClusteringResult], chosen: int) -> Table:
    header = ["algorithm", "k", "chosen", "clusters", "noise"]
    for name in SCORE_NAMES.values():
        header += [name.title, f"{name.title} from", f"{name.title} to"]
    rows: list[list[str | int | float | None]] = []
    for index, result in enumerate(results):
        row: list[str | int | float | None] = [name_algorithm(result.algorithm), result.requested_clusters]
        row += ["yes" if index == chosen else "no", result.clusters, result.noise]
        for _, score in result.scores.items():
            ends = (None, None) if score.interval is None else (score.interval.low, score.interval.high)
            row += [score.value, *ends]
        rows.append([*row, result.seconds])
    return Table("scores", "All scores", [*header, "seconds"], rows)


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

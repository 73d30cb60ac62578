"""A run in brief, for a Python prompt and a notebook: sentences, and tables that need no pandas."""

import html
from collections.abc import Iterable, Sequence

from octcluster.model.results import ClusteringResult
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.outputs.wording.second_choice import explain_choice
from octcluster.outputs.wording.stop_sign import find_stop_sign
from octcluster.outputs.wording.trust import summarize_trust
from octcluster.outputs.wording.words import RESEARCH_USE_ONLY, describe_answer, describe_failed, name_cluster
from octcluster.workflows.outcome import RunOutcome


def tell_run(outcome: RunOutcome) -> list[str]:
    """What a run found and how far to trust it, in sentences that name nobody, the most important first."""
    chosen, whitened = outcome.chosen, outcome.spec.preparation.whiten
    return [
        *find_stop_sign(outcome),
        *describe_failed(len(outcome.failures), len(outcome.image_set.images)),
        *explain_choice(outcome),
        *describe_answer(chosen, outcome.class_sizes, whitened=whitened, unit=outcome.unit),
        *summarize_trust(chosen, len(outcome.members), outcome.leaks, outcome.result.duplicates),
        RESEARCH_USE_ONLY,
    ]


def format_run(outcome: RunOutcome) -> str:
    """The sentences of ``tell_run``, the scores of all clusterings, and classes by cluster, as HTML."""
    scores = [list_scores(result) for result in outcome.result.results]
    titles = {score.short: score.title for score in SCORE_NAMES.values()}
    header = [titles.get(name, name) for name in scores[0]]
    *sentences, research_use_only = map(_paragraph, tell_run(outcome))
    parts = [*sentences, _table(header, [row.values() for row in scores])]
    table = outcome.chosen.contingency
    if table is not None:
        classes = [outcome.image_set.classes[index] for index in table.class_indices]
        rows = [[name, *counts] for name, counts in zip(classes, table.counts, strict=True)]
        parts.append(_table(["class", *map(name_cluster, table.clusters)], rows))
    return "".join([*parts, research_use_only])


def list_scores(result: ClusteringResult) -> dict[str, object]:
    """What a clustering was asked for and found, and each score under its name in ``scores.json``."""
    return {
        "algorithm": result.algorithm,
        "k": result.requested_clusters,
        "clusters": result.clusters,
        "noise": result.noise,
        **{SCORE_NAMES[name].short: score.value for name, score in result.scores.items()},
        "seconds": result.seconds,
    }


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _table(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{_show(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _show(value: object) -> str:
    if value is None:
        return ""
    return f"{value:z.3f}" if isinstance(value, float) else html.escape(str(value))

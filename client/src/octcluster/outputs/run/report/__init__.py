"""report.html: what a run found, in one file that needs no network.

Whatever stands for a cluster or a class can be chosen, and is then highlighted everywhere: ``explorer.js``.
"""

from datetime import datetime

from octcluster.images.leaks import knows_patients
from octcluster.outputs.pages import Page, ReportOptions, Tile, format_page
from octcluster.outputs.pages.cluster_cards import STYLE as CARDS_STYLE
from octcluster.outputs.pages.eye_strips import STYLE as STRIPS_STYLE
from octcluster.outputs.pages.image_names import ImageNames
from octcluster.outputs.pages.rendering import read_source
from octcluster.outputs.run.report.facts import list_facts
from octcluster.outputs.run.report.scatter import build_scatter
from octcluster.outputs.run.report.sections import build_sections
from octcluster.outputs.run.report.standouts import list_standouts
from octcluster.outputs.wording.eyes import describe_eyes
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.outputs.wording.second_choice import explain_choice
from octcluster.outputs.wording.stop_sign import find_stop_sign
from octcluster.outputs.wording.trust import describe_stability
from octcluster.outputs.wording.words import are, count, describe_answer, format_interval, format_score
from octcluster.workflows.outcome import RunOutcome


def format_report(outcome: RunOutcome, started: datetime, options: ReportOptions | None = None) -> bytes:
    """Formats the report.

    Args:
        outcome: What the run found.
        started: When the run began, with a time zone.
        options: What it shows of the patients; None: ``image 17`` is row 17 of assignments.csv, and file
            names, paths, patients and pictures do not appear.

    Returns:
        The page, UTF-8.
    """
    options = options or ReportOptions()
    names = ImageNames(
        outcome.units,
        outcome.members,
        identified=options.identified,
        thumbnails=options.thumbnails,
        clusters=options.cluster_names,
    )
    scatter = build_scatter(outcome, names)
    page = Page(
        title=f"{count(outcome.chosen.clusters, 'cluster')} in {_name_units(outcome)}",
        answer=_answer(outcome),
        sections=build_sections(outcome, names, scatter),
        stop=find_stop_sign(outcome),
        standouts=list_standouts(outcome),
        privacy=options.privacy,
        tiles=_list_tiles(outcome),
        facts=list_facts(outcome),
        style="".join(map(read_source, (CARDS_STYLE, STRIPS_STYLE, "run/report/report.css"))),
        scripts=[read_source(f"run/report/{name}.js") for name in ("points", "points_layer", "explorer")],
        data={"points": scatter.data},
        marks={"run_id": outcome.spec.run_id, "result_id": outcome.result_id},
    )
    return format_page(page, started)


def _name_units(outcome: RunOutcome) -> str:
    if outcome.eyes is None:
        return count(len(outcome.members), "OCT image")
    return f"{count(len(outcome.units), 'eye')} with {count(len(outcome.members), 'OCT image')}"


def _answer(outcome: RunOutcome) -> list[str]:
    chosen = outcome.chosen
    whitened = outcome.spec.preparation.whiten
    answer = describe_answer(chosen, outcome.class_sizes, whitened=whitened, unit=outcome.unit)
    answer[1:1] = explain_choice(outcome)
    answer += describe_eyes(outcome)
    of_patients = knows_patients(outcome.members)
    if stability := describe_stability(chosen, len(outcome.members), of_patients=of_patients):
        answer.append(stability)
    elif not outcome.spec.stability_resamples:
        answer.append("Its stability was not measured.")
    if failed := len(outcome.failures):
        answer.append(
            f"{count(failed, 'image')} failed and {are(failed)} in no cluster; failures.csv beside this "
            "report says why."
        )
    return answer


def _list_tiles(outcome: RunOutcome) -> list[Tile]:
    chosen = outcome.chosen
    tiles = [Tile("images", f"{len(outcome.members):,}"), Tile("clusters", str(chosen.clusters))]
    if outcome.eyes is not None:
        tiles.insert(0, Tile("eyes", f"{len(outcome.units):,}"))
    scores = []
    if outcome.image_set.classes:
        tiles.append(Tile("known classes", str(len(outcome.image_set.classes))))
        scores.append((SCORE_NAMES["accuracy"].title, chosen.scores.accuracy))
    if chosen.stability is not None:
        scores.append(("stability", chosen.stability.overall))
    tiles += [Tile(title, format_score(score), format_interval(score)) for title, score in scores]
    if outcome.failures:
        tiles.append(Tile("failed images", f"{len(outcome.failures):,}"))
    return tiles

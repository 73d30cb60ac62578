"""report.html of a study: every cell, beside what others published, with the evidence below."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from octcluster.outputs.json_files import read_score
from octcluster.outputs.pages import PSEUDONYMOUS, Page, Section, Table, Tile, format_page
from octcluster.outputs.study.cells import StudyCell, list_cells
from octcluster.outputs.study.contingency import list_contingencies, name_cell
from octcluster.outputs.study.figures import plot_silhouettes, plot_variance
from octcluster.outputs.study.ranking import plot_ranking
from octcluster.outputs.wording.notes import tell_faults, tell_notes
from octcluster.outputs.wording.pixels import describe_pixels
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.outputs.wording.words import count, format_score, name_algorithm
from octcluster.workflows.study import PartOutcome, PartState, StudyOutcome

_STAGE_NAMES = {"trusting": "checking reliability"}
_MEBIBYTE = 2**20
_FIRST_SCORES = ("accuracy", "adjusted_rand_index")
_NO_WEIGHTS = sha256(b"").hexdigest()  # of pixels
_NOT_DONE = {
    PartState.SKIPPED: "its model is not on this machine: study.csv says how to get it",
    PartState.FAILED: "it could not be done: study.csv says why",
}


def format_study_page(outcome: StudyOutcome, started: datetime) -> bytes:
    """Formats the page; reasons that may name files stay in study.csv.

    Args:
        outcome: What the study found.
        started: When it began, with a time zone.

    Returns:
        The page, UTF-8.
    """
    cells = list_cells(outcome)
    done = [part for part in outcome.parts if part.outcome is not None]
    silhouettes = plot_silhouettes(cells)
    variance = plot_variance(done)
    sections = [
        Section("ranking-section", "Best first", plot_ranking(cells)),
        Section("cells-section", "All combinations", [_tabulate_cells(cells)]),
        Section("published-section", "Beside the published figures", _list_published(cells)),
        Section("silhouettes-section", "Silhouettes by number of clusters", silhouettes),
        Section("variance-section", "Variance held by principal components", variance),
        Section(
            "contingency-section",
            "Classes and clusters",
            list_contingencies(cells, outcome.image_set.classes, _find_best(cells)),
        ),
        Section("cost-section", "Time and memory", _tabulate_costs(done)),
        Section("undone-section", "What was not done", _list_undone(outcome.parts)),
    ]
    page = Page(
        title=outcome.matrix.title,
        answer=_describe_answer(cells, outcome),
        tiles=_list_tiles(cells, outcome),
        standouts=[*describe_pixels(outcome.pixels), *tell_faults(outcome.image_set)],
        sections=[section for section in sections if section.parts],
        facts=_list_facts(outcome, done),
        privacy=PSEUDONYMOUS,
        marks={"run_ids": " ".join(part.outcome.spec.run_id for part in done if part.outcome)},
    )
    return format_page(page, started)


def _describe_answer(cells: Sequence[StudyCell], outcome: StudyOutcome) -> list[str]:
    found = [cell for cell in cells if cell.result is not None]
    images = count(len(outcome.image_set.images), "image")
    answer = []
    best = _find_best(found)
    if best is not None and best.result is not None:
        scores = best.result.scores
        answer.append(
            f"{name_cell(best)} matches the known classes best: adjusted Rand index "
            f"{format_score(scores.adjusted_rand_index)} (0 is chance), accuracy "
            f"{format_score(scores.accuracy)}. As the best of {len(found)}, it owes some of its lead to luck."
        )
    missing = len(cells) - len(found)
    answer.append(
        f"{len(found)} of {count(len(cells), 'combination')} of features, preparation, algorithm and "
        f"number of clusters k were tried on {images}"
        + (f"; {missing} could not be tried, see \u201cWhat was not done\u201d." if missing else ".")
    )
    for cell in found:
        published = cell.published_scores()["accuracy"]
        own = None if cell.result is None else cell.result.scores.accuracy.value
        if published is not None and own is not None:
            answer.append(f"{name_cell(cell)}: accuracy {own:z.3f}, where {published:z.3f} was published.")
    return answer


def _find_best(found: Sequence[StudyCell]) -> StudyCell | None:
    judged = [
        (cell.result.scores.adjusted_rand_index.value, cell) for cell in found if cell.result is not None
    ]
    known = [(value, cell) for value, cell in judged if value is not None]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def _list_tiles(cells: Sequence[StudyCell], outcome: StudyOutcome) -> list[Tile]:
    states = Counter(cell.part.state for cell in cells)
    tiles = [Tile("images", f"{len(outcome.image_set.images):,}")]
    tiles += [Tile(f"combinations {state}", f"{states[state]:,}") for state in PartState if states[state]]
    best = _find_best([cell for cell in cells if cell.result is not None])
    if best is not None and best.result is not None:
        title = SCORE_NAMES["adjusted_rand_index"].title
        tiles.append(Tile(f"best {title}", format_score(best.result.scores.adjusted_rand_index)))
    return tiles


def _tabulate_cells(cells: Sequence[StudyCell]) -> Table:
    """What is asked for first comes first: it is seen on a narrow screen without scrolling sideways."""
    others = [name for name in SCORE_NAMES if name not in _FIRST_SCORES]
    header = ["combination", *(SCORE_NAMES[name].title for name in _FIRST_SCORES)]
    header += ["k", "clusters", "noise", *(SCORE_NAMES[name].title for name in others), "seconds"]
    header += ["features", "preparation", "algorithm"]
    rows: list[list[str | int | float | None]] = []
    for cell in cells:
        part, result = cell.part.part, cell.result
        names = [part.feature_set.name, part.preparation_name, name_algorithm(cell.algorithm)]
        k = "own choice" if cell.k is None else cell.k
        row: list[str | int | float | None] = [name_cell(cell)]
        if result is None:
            rows.append([*row, *[None] * len(_FIRST_SCORES), k, str(cell.part.state)])
            rows[-1] += [*[None] * (len(others) + 2), *names]
            continue
        values = {name: read_score(score)[0] for name, score in result.scores.items()}
        row += [*(values[name] for name in _FIRST_SCORES), k, result.clusters, result.noise]
        rows.append([*row, *(values[name] for name in others), result.seconds, *names])
    return Table("cells", "Every combination with all scores", header, rows, sortable=True)


def _list_published(cells: Sequence[StudyCell]) -> list[Table]:
    rows: list[list[str | int | float | None]] = []
    for cell in cells:
        for name, published in cell.published_scores().items():
            if published is None or cell.published is None:
                continue
            own = None if cell.result is None else read_score(getattr(cell.result.scores, name))[0]
            part = cell.part.part
            row = [part.feature_set.name, part.preparation_name, name_algorithm(cell.algorithm), cell.k]
            rows.append([*row, SCORE_NAMES[name].title, own, published, cell.published.source])
    header = ["features", "preparation", "algorithm", "k", "score", "here", "published", "published by"]
    return [Table("published", "The same combinations, here and published", header, rows)] if rows else []


def _tabulate_costs(done: Sequence[PartOutcome]) -> list[Table]:
    """Seconds, and memory of the clusterer where it is known, by part and stage."""
    runs = [(part.part.title, part.outcome) for part in done if part.outcome is not None]
    stages = list(dict.fromkeys(name for _, run in runs for name in run.result.stage_seconds))
    seconds: list[list[str | int | float | None]] = []
    memory: list[list[str | int | float | None]] = []
    for title, run in runs:
        embedding = run.stage_seconds.get("embedding")
        own = [run.result.stage_seconds.get(name) for name in stages]
        seconds.append([title, run.embedded, run.cached, embedding, *own])
        peaks = [run.result.stage_peak_bytes.get(name) for name in stages]
        memory.append([title, *(None if peak is None else round(peak / _MEBIBYTE) for peak in peaks)])
    first, named = "features, preparation", [_STAGE_NAMES.get(name, name) for name in stages]
    return [
        Table(
            "seconds",
            "Seconds by stage; embedding as it was this time, the rest as it was when the run was done",
            [first, "images embedded", "images cached", "embedding", *named],
            seconds,
        ),
        Table("memory", "Highest memory of the clusterer by stage, in MiB", [first, *named], memory),
    ]


def _list_undone(parts: Sequence[PartOutcome]) -> list[Table]:
    rows = [
        [part.part.title, str(part.state), _NOT_DONE[part.state]]
        for part in parts
        if part.state is not PartState.DONE
    ]
    return [Table("undone", "Parts without a result", ["part", "state", "why"], rows)] if rows else []


def _list_facts(outcome: StudyOutcome, done: Sequence[PartOutcome]) -> list[tuple[str, str]]:
    facts = [("seed", str(outcome.seed))]
    if told := tell_notes(outcome.image_set):
        facts.append(("names", " ".join(told)))
    runs = [part.outcome for part in done if part.outcome is not None]
    spaces = {run.space.model: run.space for run in runs}
    facts += [
        (f"weights of {name}", f"SHA-256 {space.weights_digest}")
        for name, space in spaces.items()
        if space.weights_digest != _NO_WEIGHTS
    ]
    if runs:
        versions = runs[0].versions.items()
        facts.append(("versions", ", ".join(f"{name} {version}" for name, version in versions)))
    return facts

"""What a study found, in sentences that name nobody."""

from collections import Counter

from octcluster.outputs.study.cells import list_cells
from octcluster.outputs.study.contingency import name_cell
from octcluster.outputs.study.ranking import rank_cells
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.outputs.wording.words import are, count, describe_failed, format_interval
from octcluster.workflows.study import PartState, StudyOutcome

_SHOWN = 3


def tell_study(outcome: StudyOutcome) -> list[str]:
    """How much was done, the best combinations, and what was not done and why."""
    cells = list_cells(outcome)
    done = sum(cell.result is not None for cell in cells)
    images = count(len(outcome.image_set.images), "image")
    sentences = [f"{count(done, 'combination')} of {len(cells):,} tried on {images}."]
    judge, ranked = rank_cells(cells)
    title = SCORE_NAMES[judge].title
    for place, (value, cell, score) in enumerate(ranked[:_SHOWN], start=1):
        interval = format_interval(score)
        sentences.append(
            f"{place}. {name_cell(cell)}: {title} {value:z.3f}{f' ({interval})' if interval else ''}"
        )
    undone = [part for part in outcome.parts if part.state is not PartState.DONE]
    states = Counter(str(part.state) for part in undone)
    sentences += [
        f"{count(number, 'part')} of the matrix {are(number)} {state}; outcome.parts says why."
        for state, number in states.items()
    ]
    return [*sentences, *describe_failed(len(outcome.failures), len(outcome.image_set.images))]

"""What ``octcluster embed`` prints at its end."""

from pathlib import Path
from typing import TextIO

from octcluster.cli.terminal.console import Terminal
from octcluster.images.folder import describe_ignored
from octcluster.outputs.wording.words import RESEARCH_USE_ONLY, count
from octcluster.workflows.embed import EmbedOutcome

_SHOWN = 10


def print_embed_summary(
    outcome: EmbedOutcome, store: str, failures: Path | None, stream: TextIO | None = None
) -> None:
    """Prints what became of the images, and how their vectors are used.

    Args:
        outcome: What became of them.
        store: URL of the store.
        failures: File that lists the failures; None: the first ones are printed.
        stream: Where to print; None: standard output.
    """
    terminal = Terminal(stream)
    failed = len(outcome.failures)
    terminal.leave_line()
    terminal.say(
        f"{count(outcome.images, 'image')}: {outcome.embedded:,} embedded now, {failed:,} failed, the others "
        "were there or are copies."
    )
    if outcome.ignored:
        terminal.say(f"Ignored {describe_ignored(dict(outcome.ignored.most_common()))}.")
    if failures is not None:
        terminal.say(f"Failures: {failures}")
    elif failed:
        terminal.say(*(f"failed: {name}: {reason}" for name, reason in outcome.failures[:_SHOWN]))
        if failed > _SHOWN:
            terminal.say(f"and {failed - _SHOWN:,} more: --failures FILE.csv lists all of them.")
    terminal.say(
        f"Vectors: {store}",
        "Use them: octcluster-clusterer --store parquet --store-url STORE, then octcluster run IMAGES "
        "--clusterer HOST:PORT",
        RESEARCH_USE_ONLY,
    )

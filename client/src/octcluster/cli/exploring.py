"""Serves the page of ``octcluster explore``: of a run, or of a combination of a study."""

import sys
import threading
import webbrowser
from functools import partial
from pathlib import Path

from octcluster.cli.arguments.explore import ExploreCommand
from octcluster.cli.terminal.progress import show_progress
from octcluster.explorer.explore import ExploreOptions, explore
from octcluster.explorer.study_cell import RECORD, do_cell


def serve_page(command: ExploreCommand) -> None:
    """Serves the page until the process is told to stop.

    Args:
        command: What to explore, and how.

    Raises:
        OctclusterError: It could not be done; the message says what to do.
        OSError: A file cannot be read or written.
    """
    folder = command.result
    if command.cell is not None or (Path(folder) / RECORD).is_file():
        with show_progress() as progress:
            folder = str(do_cell(Path(folder), command.cell, command.find_services, progress))
    options = ExploreOptions(
        services=command.find_services,
        images=command.images,
        compare=command.compare,
        identified=command.identified,
        port=command.port,
        debug=command.debug,
        on_error=_show,
        on_notice=_show,
    )
    explore(folder, options, partial(_show_address, browser=not command.no_browser))


def _show_address(address: str, *, browser: bool) -> None:
    """Prints the address, and opens the browser with it in a thread of its own: some browsers take long."""
    print(f"octcluster explore: {address}\nEnd it with Ctrl-C.", flush=True)
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _show(text: str) -> None:
    """Prints what the page is not told, or not yet."""
    print(f"octcluster: {text}", file=sys.stderr, flush=True)

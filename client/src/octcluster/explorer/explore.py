"""Opens a result in the explorer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from octcluster.explorer.columns import format_columns
from octcluster.explorer.comparison import compare, describe_missing
from octcluster.explorer.jobs import Jobs
from octcluster.explorer.labelling import Labelling
from octcluster.explorer.pictures import Pictures
from octcluster.explorer.result import read_result
from octcluster.explorer.server.explorer import Explorer, describe_gone
from octcluster.explorer.server.serving import serve
from octcluster.explorer.told_errors import ErrorTeller
from octcluster.explorer.vectors import Vectors
from octcluster.explorer.workspace import Workspace
from octcluster.local.options import default_cache_dir
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.services import ServiceOptions

_CACHE = "explorer"


@dataclass(frozen=True)
class ExploreOptions:
    """How a result is explored.

    Attributes:
        services: Makes of the run how the services for the vectors of its images are found.
        images: Where its images are; None: where they were at the run.
        compare: Folder of another run, whose clusters are shown beside; None: of none.
        identified: Whether names of files and patients may be sent to the page.
        port: Port of the page; 0: any that is free.
        debug: Whether faults are printed in full.
        on_error: Told in full what went wrong, where the page is not.
        on_notice: Told what a person should know before the page is there.
    """

    services: Callable[[FinishedRun], ServiceOptions]
    images: Path | None = None
    compare: str | None = None
    identified: bool = False
    port: int = 0
    debug: bool = False
    on_error: Callable[[str], None] = lambda _: None
    on_notice: Callable[[str], None] = lambda _: None


@contextmanager
def opened_explorer(reference: str, options: ExploreOptions) -> Iterator[Explorer]:
    """Opens a result to work on, which no other explorer can do within the block.

    Args:
        reference: Folder of the run.
        options: How it is explored.

    Raises:
        InvalidArguments: The folder cannot be used, or another explorer works on it.
    """
    options.on_notice(f"reading the result in {reference}")
    result = read_result(reference, options.images)
    comparison = None if options.compare is None else compare(result, read_result(options.compare))
    more = {} if comparison is None else {"other_cluster": comparison.others}
    services = options.services(result.run)
    cache = (services.cache_dir or default_cache_dir()) / _CACHE
    workspace = Workspace(result)
    teller = ErrorTeller(options.on_error, identified=options.identified)
    jobs = Jobs(teller)
    vectors = Vectors(result, cache / "vectors", services, jobs)
    try:
        yield Explorer(
            result=result,
            workspace=workspace,
            pictures=Pictures(result, cache / "pictures", services.key_secret),
            vectors=vectors,
            labelling=Labelling(result, vectors, cache / "vectors", jobs),
            jobs=jobs,
            services=services,
            comparison=comparison,
            teller=teller,
            notice=options.on_notice,
            columns=format_columns(result, identified=options.identified, more=more),
            identified=options.identified,
        )
    finally:
        jobs.close()
        workspace.close()


def explore(reference: str, options: ExploreOptions, on_ready: Callable[[str], None]) -> None:
    """Serves a result until the process is told to stop; see opened_explorer.

    Args:
        reference: Folder of the run.
        options: How it is explored.
        on_ready: Told the address of the page.
    """
    with opened_explorer(reference, options) as explorer:
        for text in list_notices(explorer):
            options.on_notice(text)
        serve(explorer, options.port, on_ready, debug=options.debug)


def list_notices(explorer: Explorer) -> Iterator[str]:
    """Says what the page will lack; may name folders, so it is for the terminal alone."""
    images = len(explorer.result.names)
    gone = explorer.pictures.count_gone()
    if gone:
        yield f"{describe_gone(gone, images)} (they were looked for in {explorer.result.root})"
    if explorer.comparison is not None and explorer.comparison.missing:
        yield describe_missing(explorer.comparison)

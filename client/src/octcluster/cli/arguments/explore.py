"""The arguments of ``octcluster explore``, and its help."""

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from octcluster.cli.arguments.command import add_debug
from octcluster.cli.arguments.of_run import OfRunCommand
from octcluster.cli.arguments.services import add_services
from octcluster.cli.values import parse_port, parse_positive
from octcluster.local.own_model import model_fields
from octcluster.model.runs import MODELS
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.services import ServiceOptions

SUMMARY = "look at a finished run in the browser, name its groups and correct them"
DESCRIPTION = """\
Opens a page in the browser that shows all images of a finished run as a map and as a wall of pictures. On it
you name groups, merge, split and correct them, label images, and export what you did. The page is served on
this machine alone (127.0.0.1), with a secret in its address, until Ctrl-C.

The run itself is never changed. Each act goes into a file beside it, and can be undone:

  history.jsonl   who did what and when, one line an act; lines are only added
"""
EXAMPLES = """\
examples:
  octcluster run scans --out result
  octcluster explore result                       opens the browser
  octcluster explore result --images /mnt/scans   the images lie elsewhere now
  octcluster explore result --compare earlier     which images changed groups
  octcluster explore study --cell 17              a combination of a study

exit codes: 0 ended by Ctrl-C, 1 failed, 2 wrong usage. For research use only: not a medical device, and not
for diagnosis.
"""


@dataclass(frozen=True, kw_only=True)
class ExploreCommand(OfRunCommand):
    """``octcluster explore``.

    Attributes:
        result: Folder that ``octcluster run`` or ``octcluster study`` wrote.
        cell: Combination of a study, by its row of study.csv; None: the folder is that of a run.
        images: Where its images are; None: where they were at the run.
        compare: Folder of another run; None: none.
        identified: Whether the page names images and patients.
        port: Port of the page; 0: any that is free.
        no_browser: Whether only the address is printed.
    """

    name = "explore"

    result: str
    cell: int | None
    images: Path | None
    compare: str | None
    identified: bool
    port: int
    no_browser: bool

    def find_services(self, run: FinishedRun) -> ServiceOptions:
        """The services for the vectors of a run.

        Raises:
            InvalidArguments: See service_fields.
        """
        command = self.at_services_of(run)
        return ServiceOptions(**model_fields(command.model or MODELS[0]), **command.service_fields())


def add_arguments(parser: ArgumentParser) -> None:
    """Adds all arguments of the command."""
    add = parser.add_argument
    add("result", metavar="RESULT", help="folder that 'octcluster run' wrote, or 'octcluster study'")
    add(
        "--cell",
        metavar="N",
        type=parse_positive,
        help="of a study: the combination in row N of study.csv; it is done once more as a run, into the "
        "folder cells/N of the study",
    )
    add(
        "--images",
        metavar="IMAGES",
        type=Path,
        help="folder of the images, or list of paths, if they lie elsewhere now (default: where they were)",
    )
    add("--compare", metavar="OTHER", help="folder of another run of these images, to compare with")
    add(
        "--identified",
        action="store_true",
        help="name images and patients in the page as their files do (default: pseudonyms such as image 17)",
    )
    add(
        "--port",
        metavar="N",
        type=parse_port,
        default=0,
        help="port of the page (default: any that is free)",
    )
    add("--no-browser", action="store_true", help="print the address, and open no browser")
    add_services(parser, "that of the run, or start one when vectors are needed", weights=False)
    add_debug(parser)

"""The command ``octcluster``."""

import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib.util import find_spec

from octcluster.cli.interruption import no_interrupt_lost
from octcluster.cli.job_options import (
    as_json,
    check_model,
    check_weights,
    find_asked_images,
    read_run_options,
    read_service_options,
    record_arguments,
    take_from_run,
)
from octcluster.cli.parser import build_parser
from octcluster.images.folder import describe_ignored, find_images, has_foreign_volumes
from octcluster.images.image_set import ImageSet
from octcluster.model.errors import (
    AddressInvalid,
    ExtraNotInstalled,
    InvalidArguments,
    InvalidImageSet,
    OctclusterError,
)
from octcluster.model.progress import Progress, Silence
from octcluster.outputs.folder import prepare_folder
from octcluster.workflows.assign import AssignOptions, assign_images
from octcluster.workflows.describe import describe_images
from octcluster.workflows.doctor import diagnose
from octcluster.workflows.finished_runs import find_run
from octcluster.workflows.run import run_images
from octcluster.workflows.services import ServiceOptions
from octcluster.workflows.study import PartState, StudyOptions, StudyOutcome, run_study
from octcluster.workflows.study_file import read_matrix

DONE = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130

_EXTRAS = {"cli": ("jinja2", "PIL", "pyarrow", "rich", "shtab"), "local": ("numpy", "PIL")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: Arguments of the command; None: those of this process.

    Returns:
        Exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    Raises:
        SystemExit: The arguments cannot be parsed (code 2), or ask for help or the version (code 0).
    """
    options = build_parser().parse_args(arguments)
    debug = options.debug or os.environ.get("OCTCLUSTER_DEBUG") == "1"
    try:
        with no_interrupt_lost():
            return _COMMANDS[options.command](options)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, debug)
    except (InvalidArguments, InvalidImageSet, AddressInvalid) as error:
        return _fail(str(error), USAGE, debug)
    except OctclusterError as error:
        return _fail(str(error), FAILED, debug)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}", FAILED, debug)
    except Exception as error:
        text = (
            f"a fault in octcluster: {type(error).__name__}: {error}; --debug shows where, please report it"
        )
        return _fail(text, FAILED, debug)


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"octcluster: {message}", file=sys.stderr)
    return code


def _run(options: Namespace) -> int:
    started = datetime.now(UTC)
    _need_extra("cli")
    check_model(options)
    check_weights(options)
    run_options = read_run_options(options)
    options.recipe = run_options.chosen_recipe.name or options.recipe
    image_set = find_asked_images(options)
    prepare_folder(options.out, options.command)

    from octcluster.cli.terminal.run import print_replaced, print_summary, show_progress  # noqa: PLC0415
    from octcluster.outputs.run.files import write_run_files  # noqa: PLC0415
    from octcluster.outputs.run.report import ReportOptions  # noqa: PLC0415

    if not options.quiet:
        print_replaced(options.out)
    with nullcontext(Silence()) if options.quiet else show_progress() as progress:
        _tell_ignored(image_set, progress)
        outcome = run_images(image_set, run_options, progress)
    report = ReportOptions(options.thumbnails, options.identified)
    write_run_files(outcome, options.out, record_arguments(options), started, report)
    if not options.quiet:
        print_summary(outcome, options.out)
    return _end(options, len(outcome.failures))


def _study(options: Namespace) -> int:
    started = datetime.now(UTC)
    _need_extra("cli")
    matrix = read_matrix(options.matrix)
    image_set = find_asked_images(options)
    prepare_folder(options.out, options.command)

    from octcluster.cli.terminal.run import show_progress  # noqa: PLC0415
    from octcluster.cli.terminal.study import print_study_summary  # noqa: PLC0415
    from octcluster.outputs.study.files import write_study_files  # noqa: PLC0415

    def keep(outcome: StudyOutcome) -> None:
        write_study_files(outcome, options.out, record_arguments(options), started)

    with nullcontext(Silence()) if options.quiet else show_progress() as progress:
        _tell_ignored(image_set, progress)
        study_options = StudyOptions(seed=options.seed, **read_service_options(options, but=("model",)))
        outcome = run_study(image_set, matrix, study_options, progress, keep)
    if not options.quiet:
        print_study_summary(outcome, options.out)
    failed_parts = sum(part.state is PartState.FAILED for part in outcome.parts)
    return _end(options, len(outcome.failures) + failed_parts)


def _assign(options: Namespace) -> int:
    started = datetime.now(UTC)
    _need_extra("cli")
    run = find_run(options.run)
    take_from_run(options, run)
    check_model(options)
    check_weights(options)
    image_set = find_images(options.images, options.labels)
    prepare_folder(options.out, options.command)

    from octcluster.cli.terminal.assign import print_assign_summary  # noqa: PLC0415
    from octcluster.cli.terminal.run import show_progress  # noqa: PLC0415
    from octcluster.outputs.assign.files import write_assign_files  # noqa: PLC0415

    with nullcontext(Silence()) if options.quiet else show_progress() as progress:
        _tell_ignored(image_set, progress)
        assign_options = AssignOptions(classes=run.classes, **read_service_options(options))
        outcome = assign_images(run.run_id, image_set, assign_options, progress)
    write_assign_files(outcome, options.out, record_arguments(options), started)
    if not options.quiet:
        print_assign_summary(outcome, options.out)
    return _end(options, len(outcome.failures))


def _tell_ignored(image_set: ImageSet, progress: Progress) -> None:
    """Says what was expected to be used and is not: volumes as OCT devices write them."""
    if has_foreign_volumes(image_set.ignored_endings):
        progress.message(f"Ignored: {describe_ignored(image_set.ignored_endings)}")


def _end(options: Namespace, failed: int) -> int:
    """The exit code of a job that is done."""
    if options.strict and failed:
        return _fail(f"{failed} failed, see {options.out / 'failures.csv'} (--strict)", FAILED, debug=False)
    return DONE


def _describe(options: Namespace) -> int:
    started = datetime.now(UTC)
    _need_extra("cli")
    image_set = find_images(options.images, options.labels)
    prepare_folder(options.out, options.command)

    from octcluster.cli.terminal.describe import print_description  # noqa: PLC0415
    from octcluster.cli.terminal.run import show_progress  # noqa: PLC0415
    from octcluster.outputs.describe.files import SampleOptions, write_describe_files  # noqa: PLC0415
    from octcluster.outputs.pages.thumbnails import make_thumbnail  # noqa: PLC0415

    with nullcontext(Silence()) if options.quiet else show_progress() as progress:
        _tell_ignored(image_set, progress)
        description = describe_images(image_set, progress, pixels=not options.headers_only)
    thumbnails = make_thumbnail if options.thumbnails else None
    samples = SampleOptions(options.samples, options.seed, options.identified, thumbnails)
    write_describe_files(description, options.out, samples, as_json(vars(options)), started)
    if not options.quiet:
        print_description(description, options.out)
    return _end(options, len(description.failures))


def _doctor(options: Namespace) -> int:
    check_model(options)
    check_weights(options)
    faults = 0
    for finding in diagnose(ServiceOptions(**read_service_options(options))):
        print(f"{finding.state:5}  {finding.name}: {finding.detail}", flush=True)
        if finding.cure:
            print(f"       cure: {finding.cure}", flush=True)
        faults += finding.state == "fault"
    return FAILED if faults else DONE


def _print_completion(options: Namespace) -> int:
    _need_extra("cli")
    import shtab  # noqa: PLC0415

    print(shtab.complete(build_parser(), options.shell))
    return DONE


def _write_phantoms(options: Namespace) -> int:
    _need_extra("local")
    prepare_folder(options.folder)
    from octcluster.images.phantoms import CLASSES, write_phantoms  # noqa: PLC0415

    write_phantoms(options.folder, options.images_per_class, options.seed)
    print(f"{options.images_per_class} phantoms of each of {', '.join(CLASSES)} in {options.folder}")
    return DONE


_COMMANDS = {
    "run": _run,
    "assign": _assign,
    "study": _study,
    "describe": _describe,
    "doctor": _doctor,
    "completion": _print_completion,
    "phantoms": _write_phantoms,
}


def _need_extra(extra: str) -> None:
    missing = [module for module in _EXTRAS[extra] if find_spec(module) is None]
    if missing:
        raise ExtraNotInstalled(", ".join(missing), extra)

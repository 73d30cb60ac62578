"""What each command does: one function a command, which takes its typed arguments."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import singledispatch

from octcluster.cli.arguments.assign import AssignCommand, recorded_addresses_named
from octcluster.cli.arguments.command import Command, ImagesCommand
from octcluster.cli.arguments.completion import CompletionCommand
from octcluster.cli.arguments.describe import DescribeCommand
from octcluster.cli.arguments.doctor import DoctorCommand
from octcluster.cli.arguments.embed import EmbedCommand
from octcluster.cli.arguments.explore import ExploreCommand
from octcluster.cli.arguments.phantoms import PhantomsCommand
from octcluster.cli.arguments.run import RunCommand
from octcluster.cli.arguments.study import StudyCommand
from octcluster.cli.exit_codes import ExitCode
from octcluster.cli.image_jobs import find_sample, prepared_out, shown_progress
from octcluster.cli.kept_imports import kept_imports
from octcluster.cli.parser import build_parser
from octcluster.cli.vector_jobs import find_given, find_services, takes_vectors
from octcluster.images.image_set import seems_oct2017, spell_classes
from octcluster.local.own_model import model_fields
from octcluster.model.errors import ExtraNotInstalled, InvalidArguments, OctclusterError
from octcluster.model.runs import MODELS
from octcluster.outputs.earlier_result import request, request_run
from octcluster.outputs.failures import write_failures
from octcluster.outputs.folder import prepared_folder
from octcluster.workflows.assign import AssignOptions, assign_images
from octcluster.workflows.describe import describe_images
from octcluster.workflows.doctor import diagnose
from octcluster.workflows.embed import EmbedOptions, embed_images
from octcluster.workflows.extras import check_extra
from octcluster.workflows.finished_runs import find_run
from octcluster.workflows.looks import HeaderCollector
from octcluster.workflows.run import RunOptions, run_images
from octcluster.workflows.services import ServiceOptions
from octcluster.workflows.study import PartState, StudyOptions, StudyOutcome, run_study
from octcluster.workflows.vector_assign import assign_vectors
from octcluster.workflows.vector_run import options_for, run_vectors


@singledispatch
def execute(command: Command) -> ExitCode:
    """Does what a command asks for.

    Args:
        command: The command.

    Returns:
        DONE, or FAILED where what was wrong has been printed.

    Raises:
        OctclusterError: It could not be done; the message says what to do.
        OSError: A file cannot be read or written.
    """
    raise AssertionError(f"nothing does {command}")


@execute.register
def run(command: RunCommand) -> ExitCode:
    """``octcluster run``."""
    started = datetime.now(UTC)
    check_extra("cli")
    of_vectors = takes_vectors(command)
    command.check_model(command.model)
    recipe = command.choose_recipe(model_fields(command.model)["model"])
    min_clusters, max_clusters = command.k
    options = RunOptions(
        recipe=None if of_vectors and command.recipe is None else recipe,
        min_clusters=min_clusters,
        max_clusters=max_clusters,
        seed=command.seed,
        stability_resamples=command.stability,
        umap=command.umap,
        vectors=command.vectors,
        unit=command.unit,
        **model_fields(command.model),
        **command.service_fields(),
    )

    from octcluster.cli.terminal.run import print_replaced, print_run_summary  # noqa: PLC0415
    from octcluster.outputs.pages import ReportOptions  # noqa: PLC0415
    from octcluster.outputs.run.files import write_run_files  # noqa: PLC0415

    with shown_progress(command) as progress:
        image_set, content, own = find_given(command, progress)
        options = options_for(own, options) if own else options
        with prepared_out(command, request_run(options, image_set, content), progress) as arguments:
            if not command.quiet:
                print_replaced(command.out)
            outcome = run_vectors(own, options, progress) if own else run_images(image_set, options, progress)
            report = ReportOptions(command.thumbnails, command.identified)
            write_run_files(outcome, command.out, arguments, started, report)
    if not command.quiet:
        print_run_summary(outcome, command.out)
    return _end(command, len(outcome.failures))


@execute.register
def assign(command: AssignCommand) -> ExitCode:
    """``octcluster assign``."""
    started = datetime.now(UTC)
    check_extra("cli")
    given, finished = command, find_run(command.run)
    command = find_services(given, finished)
    model = command.model or MODELS[0]
    command.check_model(model)
    options = AssignOptions(**model_fields(model), **command.service_fields())

    from octcluster.cli.terminal.assign import print_assign_summary  # noqa: PLC0415
    from octcluster.outputs.assign.files import write_assign_files  # noqa: PLC0415
    from octcluster.outputs.pages import ReportOptions  # noqa: PLC0415

    with shown_progress(command) as progress:
        found, content, own = find_given(command, progress)
        image_set = spell_classes(found, finished.classes)
        asked = request({"run": finished.run_id}, image_set, content)
        with prepared_out(command, asked, progress) as arguments:
            with recorded_addresses_named(given, command, finished):
                if own:
                    outcome = assign_vectors(finished, replace(own, image_set=image_set), options, progress)
                else:
                    outcome = assign_images(finished, image_set, options, progress)
            report = ReportOptions(command.thumbnails, command.identified)
            write_assign_files(outcome, command.out, arguments, started, report)
    if not command.quiet:
        print_assign_summary(outcome, command.out)
    return _end(command, len(outcome.failures))


@execute.register
def study(command: StudyCommand) -> ExitCode:
    """``octcluster study``."""
    started = datetime.now(UTC)
    check_extra("cli")
    from octcluster.workflows.study_file import read_matrix  # noqa: PLC0415

    matrix = read_matrix(command.matrix)
    options = StudyOptions(seed=command.seed, **command.service_fields())

    from octcluster.cli.terminal.study import print_study_summary  # noqa: PLC0415
    from octcluster.outputs.study.files import write_study_files  # noqa: PLC0415

    with shown_progress(command) as progress:
        image_set = find_sample(command, progress, command.per_class, command.seed)
        wanted = command.published
        if wanted is None:
            wanted = command.matrix is not None or seems_oct2017(image_set)
        if not wanted:
            matrix = replace(matrix, published=())
        asked = request({"matrix": matrix.text, "seed": command.seed, "published": wanted}, image_set)
        with prepared_out(command, asked, progress) as arguments:

            def keep(outcome: StudyOutcome) -> None:
                write_study_files(outcome, command.out, arguments, started)

            outcome = run_study(image_set, matrix, options, progress, keep)
    if not command.quiet:
        print_study_summary(outcome, command.out)
    failed_parts = sum(part.state is PartState.FAILED for part in outcome.parts)
    return _end(command, len(outcome.failures) + failed_parts)


@execute.register
def describe(command: DescribeCommand) -> ExitCode:
    """``octcluster describe``."""
    started = datetime.now(UTC)
    check_extra("cli")

    from octcluster.cli.terminal.describe import print_describe_summary  # noqa: PLC0415
    from octcluster.outputs.describe.files import SampleOptions, write_describe_files  # noqa: PLC0415
    from octcluster.outputs.pages.thumbnails import make_thumbnail  # noqa: PLC0415

    collector = HeaderCollector()
    with shown_progress(command) as progress:
        on_head = collector.take if command.headers_only else None
        image_set = find_sample(command, progress, on_head=on_head)
        asked = {"headers-only": command.headers_only, "samples": command.samples, "seed": command.seed}
        with prepared_out(command, request(asked, image_set), progress) as arguments:
            description = describe_images(
                image_set, progress, pixels=not command.headers_only, headers=collector.found
            )
            thumbnails = make_thumbnail if command.thumbnails else None
            samples = SampleOptions(command.samples, command.seed, command.identified, thumbnails)
            write_describe_files(description, command.out, samples, arguments, started)
    if not command.quiet:
        print_describe_summary(description, command.out)
    return _end(command, len(description.failures))


@execute.register
def embed(command: EmbedCommand) -> ExitCode:
    """``octcluster embed``."""
    check_extra("cli")
    command.check_model(command.model)
    fields = command.service_fields() | {"embedder_token": None, "store_url": command.out}
    options = EmbedOptions(
        **model_fields(command.model),
        recipe=command.choose_recipe(),
        scans=command.scans,
        dask=command.find_scheduler(),
        embedder_token_file=command.embedder_token_file,
        **fields,
    )
    if options.dask is not None:
        check_extra("dask")

    from octcluster.cli.terminal.embed import print_embed_summary  # noqa: PLC0415

    with shown_progress(command) as progress:
        outcome = embed_images(command.images, options, progress)
    if command.failures is not None:
        write_failures(command.failures, outcome.failures)
    if not command.quiet:
        print_embed_summary(outcome, command.out, command.failures)
    if command.strict and outcome.failures:
        raise OctclusterError(f"{len(outcome.failures)} failed (--strict)")
    return ExitCode.DONE


@execute.register
def explore(command: ExploreCommand) -> ExitCode:
    """``octcluster explore``."""
    check_extra("cli")
    check_extra("explore")
    with kept_imports():
        from octcluster.cli.exploring import serve_page  # noqa: PLC0415

    serve_page(command)
    return ExitCode.DONE


@execute.register
def examine(command: DoctorCommand) -> ExitCode:
    """``octcluster doctor``."""
    command.check_model(command.model)
    faults = 0
    for finding in diagnose(ServiceOptions(**model_fields(command.model), **command.service_fields())):
        print(f"{finding.state:5}  {finding.name}: {finding.detail}", flush=True)
        if finding.cure:
            print(f"       cure: {finding.cure}", flush=True)
        faults += finding.state == "fault"
    return ExitCode.FAILED if faults else ExitCode.DONE


@execute.register
def print_completion(command: CompletionCommand) -> ExitCode:
    """``octcluster completion``."""
    check_extra("cli")
    import shtab  # noqa: PLC0415

    print(shtab.complete(build_parser(), command.shell))
    return ExitCode.DONE


@execute.register
def draw_phantoms(command: PhantomsCommand) -> ExitCode:
    """``octcluster phantoms``."""
    try:
        from octcluster.images.phantoms import CLASSES, find_stranger, write_phantoms  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraNotInstalled(str(error.name), "local") from error
    if stranger := find_stranger(command.folder):
        raise InvalidArguments(
            f"{command.folder} holds other files ({stranger}): phantoms among them would be taken for real "
            "images; name a folder of their own"
        )
    with prepared_folder(command.folder):
        write_phantoms(command.folder, command.images_per_class, command.seed)
    print(f"{command.images_per_class} phantoms of each of {', '.join(CLASSES)} in {command.folder}")
    return ExitCode.DONE


def _end(command: ImagesCommand, failed: int) -> ExitCode:
    """The exit code of a job that is done."""
    if command.strict and failed:
        raise OctclusterError(f"{failed} failed, see {command.out / 'failures.csv'} (--strict)")
    return ExitCode.DONE

"""The command ``octcluster``."""

import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from octcluster.argument_values import UNSET, read_recipe
from octcluster.arguments import MODELS, build_parser
from octcluster.diagnosis import diagnose
from octcluster.errors import (
    AddressInvalid,
    ExtraNotInstalled,
    InvalidArguments,
    InvalidImageSet,
    OctclusterError,
)
from octcluster.finished_runs import FinishedRun, find_run
from octcluster.image_folder import find_images
from octcluster.image_set import ImageSet, sample_per_class
from octcluster.local_stack import default_cache_dir
from octcluster.progress import Silence
from octcluster.service_arguments import read_embedder_access
from octcluster.study_matrix import read_matrix
from octcluster.suggestions import suggest
from octcluster.workflows.assign import AssignOptions, assign_images
from octcluster.workflows.connections import ServiceOptions
from octcluster.workflows.describe import describe_images
from octcluster.workflows.run import RunOptions, run_images
from octcluster.workflows.study import PartState, StudyOptions, StudyOutcome, run_study

DONE = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130

_EXTRAS = {"cli": ("jinja2", "PIL", "plotly", "pyarrow", "rich", "shtab"), "local": ("numpy", "PIL")}


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
    _check_model(options)
    _check_weights(options)
    run_options = _read_options(options)
    options.recipe = run_options.chosen_recipe.name or options.recipe
    image_set = _find_images(options)
    _prepare_folder(options.out)

    from octcluster.outputs import write_outputs  # noqa: PLC0415
    from octcluster.outputs.report import ReportOptions  # noqa: PLC0415
    from octcluster.terminal import print_summary, show_progress  # noqa: PLC0415

    with nullcontext(Silence()) if options.quiet else show_progress() as progress:
        outcome = run_images(image_set, run_options, progress)
    report = ReportOptions(options.thumbnails, options.identified)
    write_outputs(outcome, options.out, _record_arguments(options), started, report)
    if not options.quiet:
        print_summary(outcome, options.out)
    return _end(options, len(outcome.failures))


def _study(options: Namespace) -> int:
    started = datetime.now(UTC)
    _need_extra("cli")
    matrix = read_matrix(options.matrix)
    image_set = _find_images(options)
    _prepare_folder(options.out)

    from octcluster.outputs import write_study_outputs  # noqa: PLC0415
    from octcluster.terminal import show_progress  # noqa: PLC0415
    from octcluster.terminal_study import print_study_summary  # noqa: PLC0415

    def keep(outcome: StudyOutcome) -> None:
        write_study_outputs(outcome, options.out, _record_arguments(options), started)

    with nullcontext(Silence()) if options.quiet else show_progress() as progress:
        study_options = StudyOptions(seed=options.seed, **_read_service_options(options, but=("model",)))
        outcome = run_study(image_set, matrix, study_options, progress, keep)
    if not options.quiet:
        print_study_summary(outcome, options.out)
    failed_parts = sum(part.state is PartState.FAILED for part in outcome.parts)
    return _end(options, len(outcome.failures) + failed_parts)


def _find_images(options: Namespace) -> ImageSet:
    """The images that were asked for, or some of each class."""
    image_set = find_images(options.images, options.labels)
    if options.per_class is None:
        return image_set
    return sample_per_class(image_set, options.per_class, options.seed)


def _assign(options: Namespace) -> int:
    started = datetime.now(UTC)
    _need_extra("cli")
    run = find_run(options.run)
    _take_from_run(options, run)
    _check_model(options)
    _check_weights(options)
    image_set = find_images(options.images, options.labels)
    if options.out.resolve() == Path(options.run).resolve():
        raise InvalidArguments(f"--out {options.out} is the folder of the run itself: name another one")
    _prepare_folder(options.out)

    from octcluster.outputs import write_assign_outputs  # noqa: PLC0415
    from octcluster.terminal import print_assign_summary, show_progress  # noqa: PLC0415

    with nullcontext(Silence()) if options.quiet else show_progress() as progress:
        assign_options = AssignOptions(classes=run.classes, **_read_service_options(options))
        outcome = assign_images(run.run_id, image_set, assign_options, progress)
    write_assign_outputs(outcome, options.out, _record_arguments(options), started)
    if not options.quiet:
        print_assign_summary(outcome, options.out)
    return _end(options, len(outcome.failures))


def _take_from_run(options: Namespace, run: FinishedRun) -> None:
    """Takes over from the run what decides where it is and which vectors it is of, unless that is given."""
    if options.clusterer is None and options.cache_dir is None:
        options.clusterer = run.arguments.get("clusterer")
        options.cache_dir = _path(run.arguments.get("cache_dir"))
    if options.embedder is None and options.model is None and options.weights is None:
        options.embedder = run.arguments.get("embedder")
    if options.embedder is None and options.weights is None:
        options.weights = _path(run.arguments.get("weights"))
        options.weights_sha256 = options.weights_sha256 or run.arguments.get("weights_sha256")
    options.model = options.model or run.arguments.get("model") or MODELS[0]


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _end(options: Namespace, failed: int) -> int:
    """The exit code of a job that is done."""
    if options.strict and failed:
        return _fail(f"{failed} failed, see {options.out / 'failures.csv'} (--strict)", FAILED, debug=False)
    return DONE


def _describe(options: Namespace) -> int:
    started = datetime.now(UTC)
    _need_extra("cli")
    image_set = find_images(options.images, options.labels)
    _prepare_folder(options.out)

    from octcluster.outputs.description_files import SampleOptions, write_description  # noqa: PLC0415
    from octcluster.outputs.pages.thumbnails import make_thumbnail  # noqa: PLC0415
    from octcluster.terminal import show_progress  # noqa: PLC0415
    from octcluster.terminal_description import print_description  # noqa: PLC0415

    with nullcontext(Silence()) if options.quiet else show_progress() as progress:
        description = describe_images(image_set, progress, pixels=not options.headers_only)
    thumbnails = make_thumbnail if options.thumbnails else None
    samples = SampleOptions(options.samples, options.seed, options.identified, thumbnails)
    write_description(description, options.out, samples, _as_json(vars(options)), started)
    if not options.quiet:
        print_description(description, options.out)
    return _end(options, len(description.failures))


def _doctor(options: Namespace) -> int:
    _check_model(options)
    _check_weights(options)
    findings = diagnose(ServiceOptions(**_read_service_options(options)), Silence())
    for finding in findings:
        print(f"{'fault' if finding.cure else 'ok':5}  {finding.name}: {finding.detail}")
        if finding.cure:
            print(f"       cure: {finding.cure}")
    return FAILED if any(finding.cure for finding in findings) else DONE


def _print_completion(options: Namespace) -> int:
    _need_extra("cli")
    import shtab  # noqa: PLC0415

    print(shtab.complete(build_parser(), options.shell))
    return DONE


def _write_phantoms(options: Namespace) -> int:
    _need_extra("local")
    _prepare_folder(options.folder)
    from octcluster.phantoms import CLASSES, write_phantoms  # noqa: PLC0415

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


def _check_model(options: Namespace) -> None:
    if options.embedder is None and options.model not in MODELS:
        raise InvalidArguments(
            f"--model {options.model}: there is no such model; take {', '.join(MODELS)}, or name an "
            f"embedder that has it with --embedder{suggest(options.model, MODELS)}"
        )


def _check_weights(options: Namespace) -> None:
    if options.embedder is not None and (options.weights or options.weights_sha256):
        raise InvalidArguments(
            "--weights and --weights-sha256 are for the embedder that a run starts itself: leave them "
            "out, or leave out --embedder"
        )
    if options.weights is not None and not options.weights.is_file():
        raise InvalidArguments(f"--weights {options.weights}: there is no such file")


def _prepare_folder(folder: Path) -> None:
    """Makes the folder for the outputs before the work begins, so that nothing is lost at its end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InvalidArguments(f"{folder} is a file, or lies in one: name a folder for the outputs") from None
    except OSError as error:
        raise InvalidArguments(
            f"cannot make the folder {folder}: {error.strerror}; name another one for the outputs"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidArguments(f"cannot write into {folder}: name another folder for the outputs")


def _read_options(options: Namespace) -> RunOptions:
    min_clusters, max_clusters = options.k
    return RunOptions(
        recipe=read_recipe(options),
        min_clusters=min_clusters,
        max_clusters=max_clusters,
        seed=options.seed,
        stability_resamples=options.stability,
        umap=options.umap,
        vectors=options.vectors,
        **_read_service_options(options),
    )


def _read_service_options(options: Namespace, but: Sequence[str] = ()) -> dict[str, Any]:
    names = {"model", "embedder", "clusterer", "cache_dir", "weights", "weights_sha256"} - set(but)
    tls, token = read_embedder_access(options)
    return {name: getattr(options, name) for name in names} | {"embedder_tls": tls, "embedder_token": token}


def _record_arguments(options: Namespace) -> Mapping[str, object]:
    """The arguments as JSON values; paths that another command needs to find things are absolute."""
    given = {name: value for name, value in vars(options).items() if value is not UNSET}
    if options.clusterer is None:
        given["cache_dir"] = (options.cache_dir or default_cache_dir()).absolute()
    if options.weights is not None:
        given["weights"] = options.weights.absolute()
    return _as_json(given)


def _as_json(arguments: Mapping[str, object]) -> dict[str, object]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in arguments.items()}

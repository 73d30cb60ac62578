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

from octcluster.argument_values import UNSET, read_recipe
from octcluster.arguments import MODELS, build_parser
from octcluster.errors import (
    AddressInvalid,
    ExtraNotInstalled,
    InvalidArguments,
    InvalidImageSet,
    OctclusterError,
)
from octcluster.image_folder import find_images
from octcluster.image_set import sample_per_class
from octcluster.progress import Silence
from octcluster.workflows.run import RunOptions, run_images

DONE = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130

_EXTRAS = {"cli": ("jinja2", "plotly", "rich"), "local": ("numpy", "PIL")}


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
    image_set = find_images(options.images, options.labels)
    if options.per_class is not None:
        image_set = sample_per_class(image_set, options.per_class, options.seed)
    _prepare_folder(options.out)

    from octcluster.outputs import write_outputs  # noqa: PLC0415
    from octcluster.terminal import print_summary, show_progress  # noqa: PLC0415

    with nullcontext(Silence()) if options.quiet else show_progress() as progress:
        outcome = run_images(image_set, run_options, progress)
    write_outputs(outcome, options.out, _record_arguments(options), started)
    if not options.quiet:
        print_summary(outcome, options.out)
    if options.strict and outcome.failures:
        text = f"{len(outcome.failures)} failed, see {options.out / 'failures.csv'} (--strict)"
        return _fail(text, FAILED, debug=False)
    return DONE


def _write_phantoms(options: Namespace) -> int:
    _need_extra("local")
    _prepare_folder(options.folder)
    from octcluster.phantoms import CLASSES, write_phantoms  # noqa: PLC0415

    write_phantoms(options.folder, options.images_per_class, options.seed)
    print(f"{options.images_per_class} phantoms of each of {', '.join(CLASSES)} in {options.folder}")
    return DONE


_COMMANDS = {"run": _run, "phantoms": _write_phantoms}


def _need_extra(extra: str) -> None:
    missing = [module for module in _EXTRAS[extra] if find_spec(module) is None]
    if missing:
        raise ExtraNotInstalled(", ".join(missing), extra)


def _check_model(options: Namespace) -> None:
    if options.embedder is None and options.model not in MODELS:
        raise InvalidArguments(
            f"--model {options.model}: there is no such model; take {', '.join(MODELS)}, or name an "
            "embedder that has it with --embedder"
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
        model=options.model,
        recipe=read_recipe(options),
        min_clusters=min_clusters,
        max_clusters=max_clusters,
        seed=options.seed,
        stability_resamples=options.stability,
        embedder=options.embedder,
        clusterer=options.clusterer,
        cache_dir=options.cache_dir,
        weights=options.weights,
        weights_sha256=options.weights_sha256,
    )


def _record_arguments(options: Namespace) -> Mapping[str, object]:
    given = ((name, value) for name, value in vars(options).items() if value is not UNSET)
    return {name: str(value) if isinstance(value, Path) else value for name, value in given}

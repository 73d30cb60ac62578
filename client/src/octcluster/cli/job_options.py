"""What the arguments of a command ask of its job, and whether they go together."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from octcluster.cli.arguments.services import read_embedder_access
from octcluster.cli.values import UNSET, read_recipe
from octcluster.images.folder import find_images
from octcluster.images.image_set import ImageSet, sample_per_class
from octcluster.local.stack import default_cache_dir
from octcluster.model.errors import InvalidArguments
from octcluster.model.runs import MODELS
from octcluster.model.suggest import suggest
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.run import RunOptions


def check_model(options: Namespace) -> None:
    """Raises InvalidArguments if an embedder that is started here cannot have the model."""
    if options.embedder is None and options.model not in MODELS:
        raise InvalidArguments(
            f"--model {options.model}: there is no such model; take {', '.join(MODELS)}, or name an "
            f"embedder that has it with --embedder{suggest(options.model, MODELS)}"
        )


def check_weights(options: Namespace) -> None:
    """Raises InvalidArguments if weights are named that nobody will load, or that there are not."""
    if options.embedder is not None and (options.weights or options.weights_sha256):
        raise InvalidArguments(
            "--weights and --weights-sha256 are for the embedder that a run starts itself: leave them "
            "out, or leave out --embedder"
        )
    if options.weights is not None and not options.weights.is_file():
        raise InvalidArguments(f"--weights {options.weights}: there is no such file")


def find_asked_images(options: Namespace) -> ImageSet:
    """The images that were asked for, or some of each class."""
    image_set = find_images(options.images, options.labels)
    if options.per_class is None:
        return image_set
    return sample_per_class(image_set, options.per_class, options.seed)


def take_from_run(options: Namespace, run: FinishedRun) -> None:
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


def read_run_options(options: Namespace) -> RunOptions:
    """How a run is to be done."""
    min_clusters, max_clusters = options.k
    return RunOptions(
        recipe=read_recipe(options),
        min_clusters=min_clusters,
        max_clusters=max_clusters,
        seed=options.seed,
        stability_resamples=options.stability,
        umap=options.umap,
        vectors=options.vectors,
        **read_service_options(options),
    )


def read_service_options(options: Namespace, but: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of ServiceOptions, except some."""
    names = {"model", "embedder", "clusterer", "cache_dir", "weights", "weights_sha256"} - set(but)
    tls, token = read_embedder_access(options)
    return {name: getattr(options, name) for name in names} | {"embedder_tls": tls, "embedder_token": token}


def record_arguments(options: Namespace) -> Mapping[str, object]:
    """The arguments as JSON values; paths that another command needs to find things are absolute."""
    given = {name: value for name, value in vars(options).items() if value is not UNSET}
    if options.clusterer is None:
        given["cache_dir"] = (options.cache_dir or default_cache_dir()).absolute()
    if options.weights is not None:
        given["weights"] = options.weights.absolute()
    return as_json(given)


def as_json(arguments: Mapping[str, object]) -> dict[str, object]:
    """Arguments as JSON values."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in arguments.items()}

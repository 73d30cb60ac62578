"""``octcluster run`` and ``octcluster assign`` of vectors that somebody brings."""

from dataclasses import replace

from octcluster.cli.arguments.assign import AssignCommand
from octcluster.cli.arguments.run import RunCommand
from octcluster.cli.image_jobs import find_sample
from octcluster.images.image_set import ImageSet, sample_per_class
from octcluster.images.scan_choice import ALL
from octcluster.model.errors import InvalidArguments
from octcluster.model.progress import Progress
from octcluster.model.runs import MODELS
from octcluster.outputs.folder import check_place
from octcluster.outputs.wording.words import show_note
from octcluster.workflows.assign_targets import check_embeddable
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.own_vectors import OwnVectors, is_vectors, read_vectors

Command = RunCommand | AssignCommand
_FOR_IMAGES = ("features", "flip", "views", "embedder", "weights", "weights_sha256")


def takes_vectors(command: Command) -> bool:
    """Whether a command is given vectors.

    Raises:
        InvalidArguments: It is, and has an option that is about images or an embedder.
    """
    if not is_vectors(command.images):
        return False
    given = [name for name in _FOR_IMAGES if getattr(command, name, None) is not None]
    given += ["scans"] if command.scans != ALL else []
    given += ["thumbnails"] if command.thumbnails else []
    given += ["model"] if command.model not in (None, MODELS[0]) else []
    if given:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InvalidArguments(
            f"{command.images} holds vectors: {named} is about images and their embedder; leave it out"
        )
    return True


def find_services(given: AssignCommand, run: FinishedRun) -> AssignCommand:
    """The command with what the run says of its services; what it says of an embedder, vectors do not need.

    Raises:
        InvalidArguments: See ``takes_vectors``.
        SpaceMismatch: Images are given, and the run is one of vectors that no embedder makes.
    """
    command = given.at_services_of(run)
    if takes_vectors(given):
        return replace(command, embedder=None, weights=None, weights_sha256=None, model=None)
    check_embeddable(run)
    return command


def find_given(command: Command, progress: Progress) -> tuple[ImageSet, str, OwnVectors | None]:
    """What a command works on; tells what was found out about it.

    Returns:
        The images, or some of each class; the digest of what their names do not tell; and their vectors, if
        these were given.
    """
    per_class, seed = (command.per_class, command.seed) if isinstance(command, RunCommand) else (None, 0)
    if not is_vectors(command.images):
        return find_sample(command, progress, per_class, seed), "", None
    check_place(command.out, command.images, command.name)
    own = read_vectors(command.images, command.labels)
    for note in own.image_set.notes:
        progress.message(show_note(note))
    images = own.image_set if per_class is None else sample_per_class(own.image_set, per_class, seed)
    return images, own.digest(), replace(own, image_set=images)

"""What became of new images, in sentences for the terminal and the page."""

from octcluster.images.eyes import count_eyes
from octcluster.outputs.assign.eyes import DOUBTFUL_MARGIN, describe_rows
from octcluster.outputs.assign.scores import PlacementScores, count_seen, judge_placements
from octcluster.outputs.wording.pixels import describe_pixels
from octcluster.outputs.wording.words import are, count, describe_missing_labels
from octcluster.workflows.outcome import AssignOutcome
from octcluster.workflows.run_members import Seen

_MANY_OUTLIERS = 0.25
_FAITHFUL = 0.9


def tell_assignment(outcome: AssignOutcome) -> list[str]:
    """What became of the images, in sentences that name nobody; ``describe_eyes`` tells the same of eyes."""
    return [
        f"{count(len(outcome.members), 'image')} assigned to the clusters of run {outcome.model.run_id}.",
        *describe_failures(outcome),
        *describe_seen(outcome),
        *describe_match(outcome, judge_placements(outcome)),
        *describe_doubtful(outcome),
        *describe_outliers(outcome),
        *describe_missing_labels(outcome.image_set),
        *describe_pixels(outcome.pixels),
        *describe_agreement(outcome),
    ]


def are_new(outcome: AssignOutcome) -> bool:
    """Whether the images that an accuracy is of are known not to be those of the run."""
    return not count_seen(outcome)[Seen.UNKNOWN]


def describe_match(outcome: AssignOutcome, scores: PlacementScores) -> list[str]:
    """How many new images and eyes lie in the cluster of their class, or why that is unknown and the cure."""
    if scores.accuracy is not None:
        new = "new " if are_new(outcome) else ""
        sentences = [
            f"{scores.accuracy:.1%} of {count(scores.labelled, f'{new}image')} with a known class lie in the "
            "cluster that stands for it."
        ]
        if scores.eye_accuracy is not None:
            sentences.append(
                f"Of {count(scores.labelled_eyes, f'{new}eye')} with one known class, "
                f"{scores.eye_accuracy:.1%} do."
            )
        if not new:
            sentences.append(
                "That is no measure of the run: it may have been made with some of these images."
            )
        return sentences
    known = outcome.image_set.classes
    if not known and not outcome.model.class_of_cluster:
        return []
    text = f"Whether they lie in the clusters of their classes is unknown: {scores.reason}"
    if known:
        return [f"{text}."]
    return [
        f"{text}. --labels filename takes it from names such as CNV-1016042-1.jpeg, --labels FILE.csv from a "
        "table."
    ]


def describe_seen(outcome: AssignOutcome) -> list[str]:
    """Which images are of the run itself or of its patients, and what of that cannot be told."""
    numbers = count_seen(outcome)
    if numbers[Seen.UNKNOWN] and outcome.patients_known:
        return [
            "Whether the run was made with these very images cannot be told: the run's keys are of another "
            "secret (OCTCLUSTER_KEY_SECRET). Only its patients are recognized."
        ]
    if numbers[Seen.UNKNOWN]:
        return [
            "Whether the run was made with any of these images or their patients cannot be told: model.npz "
            "holds none. Give the whole folder of the run to have them recognized and counted apart."
        ]
    sentences = []
    images, of_patients = numbers[Seen.IMAGE], numbers[Seen.PATIENT]
    if images or of_patients:
        told = [f"with {images:,} of them"] * bool(images)
        told += [f"with other images of the patients of {of_patients:,}"] * bool(of_patients)
        sentences.append(
            f"Not all of these images are new: the run was made {' and '.join(told)}. They are "
            "counted apart: no accuracy includes them."
        )
    if not outcome.patients_known:
        sentences.append(
            "Whether the run had other images of these patients cannot be told: give the folder of the run."
        )
    return sentences


def describe_eyes(outcome: AssignOutcome) -> list[str]:
    """How many eyes there are, how sure their clusters are, and what of them is not known."""
    rows = describe_rows(outcome)
    if not rows:
        return []
    doubtful = sum(row.doubtful for row in rows)
    told = f"{doubtful:,} {are(doubtful)}" if doubtful else "None is"
    look = ": look at these first" if doubtful else ""
    sentences = [
        f"{count(len(rows), 'eye')}: the cluster of each is that of the mean of its scans. {told} doubtful "
        f"(a margin below {DOUBTFUL_MARGIN}, or most scans in other clusters){look}. eyes.csv names the "
        "scans that speak for each."
    ]
    counts = count_eyes([row.placement.eye for row in rows])
    if counts.without_side:
        sentences.append(
            f"Of {count(counts.without_side, 'eye')} it is not known whether it is right or left: there all "
            "images of a patient and visit count as one eye."
        )
    if large := sum(row.placement.cluster is None for row in rows):
        sentences.append(
            f"{count(large, 'eye')} with too many scans for one request: only the scans are placed."
        )
    return sentences


def count_doubtful(outcome: AssignOutcome) -> int:
    """Number of images whose margin is small."""
    return sum(margin < DOUBTFUL_MARGIN for margin in outcome.placements.margins)


def describe_doubtful(outcome: AssignOutcome) -> list[str]:
    """How many images lie nearly as well in another cluster; nothing if none does."""
    doubtful = count_doubtful(outcome)
    if not doubtful:
        return []
    return [
        f"{count(doubtful, 'image')} {are(doubtful)} doubtful: the margin to another "
        f"cluster is below {DOUBTFUL_MARGIN}. Look at these first."
    ]


def describe_outliers(outcome: AssignOutcome) -> list[str]:
    """How many images lie far from their cluster, and what that may mean."""
    flags = outcome.outliers
    flagged = sum(map(bool, flags))
    untold = _describe_untold(outcome)
    if not flagged:
        return untold
    if outcome.model.unit == "eye":
        called = "is called an outlier" if flagged == 1 else "are called outliers"
        return [
            f"{flagged:,} of {count(len(flags), 'image')} {called}. That says little here: the run clustered "
            "eyes, and single scans lie farther from a mean than eyes do.",
            *untold,
        ]
    text = (
        f"{flagged:,} of {count(len(flags), 'image')} {'lies' if flagged == 1 else 'lie'} farther from the "
        "mean of the cluster than 99% of the run's own images in it. More than 1% is usual: images that the "
        "run did not see lie farther than those that its features and clusters were fitted to"
    )
    if flagged <= _MANY_OUTLIERS * len(flags):
        return [f"{text}.", *untold]
    return [
        f"{text}. But more than a quarter may also mean another device, another pathology, or a run with few "
        "images.",
        *untold,
    ]


def _describe_untold(outcome: AssignOutcome) -> list[str]:
    """Of how many images it cannot be told whether they are outliers, and why; nothing if of none."""
    untold = outcome.outliers.count(None)
    if not untold:
        return []
    unit = outcome.model.unit
    return [
        f"Of {count(untold, 'image')} it is unknown whether they are outliers: the cluster has one {unit} "
        "of the run, and any other image lies farther from it."
    ]


def describe_agreement(outcome: AssignOutcome) -> list[str]:
    """How faithfully this way of assigning repeats the run on its own images."""
    agreement = outcome.placements.fitted_agreement
    if agreement is None:
        return []
    text = (
        f"Of the run's own {outcome.model.unit}s, {agreement:.1%} would be assigned as they were clustered."
    )
    if agreement < _FAITHFUL:
        text += " That is little: the clusters of this run have no simple borders, so take care."
    return [text]


def describe_failures(outcome: AssignOutcome) -> list[str]:
    """How many images could not be used; nothing if all could."""
    failed = len(outcome.failures)
    if not failed:
        return []
    return [f"{failed:,} of {count(len(outcome.image_set.images), 'image')} failed: failures.csv says why."]

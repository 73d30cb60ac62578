"""How far to trust a result, in words for people, on the terminal and in the report."""

from collections.abc import Sequence

from octcluster.images.image_set import Scan
from octcluster.images.leaks import Leaks, has_repeated_patients, knows_patients
from octcluster.model.results import Association, ClusteringResult, Duplicates, RunResult
from octcluster.model.runs import Preparation
from octcluster.outputs.wording.leaks import LISTED_IN_SCORES, describe_leaks
from octcluster.outputs.wording.words import (
    count,
    format_score,
    name_cluster,
    show_text,
)

CLASS = "class"
PATIENT = "patient"
_PROPERTY_NAMES = {
    CLASS: "known class",
    PATIENT: "patient",
    "width": "width",
    "height": "height",
    "brightness": "mean brightness",
    "white_border_share": "white border",
}
# A nuisance is worth a warning from this adjusted mutual information, and this share of that of the class.
_NOTEWORTHY = 0.1
_NOTEWORTHY_SHARE = 0.5
# The mean adjusted Rand index from which parts of the images are said to give similar clusters.
_SIMILAR = 0.7
_STABILITY_STEPS = (0.9, _SIMILAR, 0.4)
_STABILITIES = (
    "nearly the same clusters each time",
    "similar clusters each time, though some images change clusters",
    "clusters that agree only in part: take them as a hint",
    "other clusters each time: do not rely on clusters that do not reappear",
)
_REAPPEARANCE_STEPS = (0.85, 0.75, 0.6)
_REAPPEARANCES = (
    "nearly the same images each time",
    "mostly the same images",
    "a pattern, but doubtful which images belong to it",
    "may be chance",
)
_FEW_IMAGES = 100
_FEW_SAY_LITTLE = (
    f" With fewer than {_FEW_IMAGES} images that says little: the parts have most images in common, and a "
    "few more may give other clusters."
)
_FEW_MAY_BE_RIGHT = (
    " Stability says how sure clusters are, not how right. With few images or patients even right clusters "
    "may not reappear; with more of them they may."
)


def name_property(name: str) -> str:
    """The name for people of what an association is with."""
    return _PROPERTY_NAMES.get(name, show_text(name.replace("_", " ")))


def judge_stability(rand_index: float) -> str:
    """What a mean adjusted Rand index between clusterings of parts of the images says."""
    return _STABILITIES[_find_level(rand_index, _STABILITY_STEPS)]


def judge_cluster(similarity: float, rand_index: float | None) -> str:
    """What the reappearance of one cluster says; never more than the stability of all of them says.

    Args:
        similarity: The cluster's mean Jaccard similarity, judged after Hennig, Comput. Stat. Data Anal. 52
            (2007) 258.
        rand_index: As of ``judge_stability``; None if it is unknown.
    """
    own = _find_level(similarity, _REAPPEARANCE_STEPS)
    overall = own if rand_index is None else _find_level(rand_index, _STABILITY_STEPS)
    if overall > own:
        return f"{_REAPPEARANCES[overall]}, because the clusters as a whole do not reappear better"
    return _REAPPEARANCES[own]


def _find_level(value: float, steps: Sequence[float]) -> int:
    """The first step that a value reaches; their number if it reaches none."""
    return next((level for level, step in enumerate(steps) if value >= step), len(steps))


def describe_stability(result: ClusteringResult, n_images: int, *, of_patients: bool) -> str | None:
    """One sentence on the stability of a clustering; None if it was not asked for.

    Args:
        result: The clustering.
        n_images: Number of images that were clustered.
        of_patients: Whether patients were redrawn, or, where none is known, images.
    """
    if result.stability is None:
        return None
    overall = result.stability.overall
    if overall.value is None:
        return f"Its stability is unknown: {show_text(str(overall.undefined_reason))}."
    n_sampled = overall.sampled_units
    sampled = f", drawn from a sample with {count(n_sampled, 'image')}" if n_sampled else ""
    caution = _FEW_SAY_LITTLE if n_images < _FEW_IMAGES else ""
    return (
        f"Stability {format_score(overall)}: {result.stability.resamples} random parts of the "
        f"{'patients' if of_patients else 'images'}{sampled}, clustered again, gave "
        f"{judge_stability(overall.value)}."
        f"{caution if overall.value >= _SIMILAR else _FEW_MAY_BE_RIGHT}"
    )


def describe_unused_patients(preparation: Preparation, members: Sequence[Scan]) -> list[str]:
    """Says that patients could have improved the clusters and did not, and how to give them.

    Args:
        preparation: How the vectors were to be prepared.
        members: The images that were clustered.

    Returns:
        Sentences as one line, or nothing where patients helped or no help of theirs was asked for.
    """
    if not preparation.whiten_within_patients or has_repeated_patients(members):
        return []
    if knows_patients(members):
        return ["No patient has several images, so nothing was whitened within patients."]
    return [
        "Patient ids, if known, improve the clusters: for uneven draws of OCT2017 the mean accuracy was 0.89 "
        "with them and 0.70 without. To give them, name files <disease>-<patient>-<number>, or list them: "
        "--labels FILE.csv with the columns image and patient."
    ]


def describe_missing_model(result: RunResult) -> list[str]:
    """Says that the run left no model file, and why; nothing if it did."""
    if not result.fitted_missing_reason:
        return []
    return [
        "There is no model.npz, and 'octcluster assign' cannot put other images into these clusters: "
        f"{result.fitted_missing_reason}."
    ]


def tabulate_stability(result: ClusteringResult) -> list[tuple[str, str, str]]:
    """Cluster, stability and what it says, for each cluster."""
    if result.stability is None:
        return []
    return [
        (
            name_cluster(cluster),
            format_score(score),
            show_text(str(score.undefined_reason))
            if score.value is None
            else judge_cluster(score.value, result.stability.overall.value),
        )
        for cluster, score in enumerate(result.stability.clusters)
    ]


def find_warnings(result: ClusteringResult) -> list[str]:
    """Warns of what explains the clusters though it should not, in sentences, the strongest first."""
    found = {association.name: _value(association) for association in result.associations}
    of_class = found.pop(CLASS, None)
    warnings = []
    for name, value in sorted(found.items(), key=lambda item: item[1], reverse=True):
        if of_class is not None and value > max(of_class, _NOTEWORTHY):
            warnings.append(
                f"The {name_property(name)} explains the clusters better than the class does (AMI "
                f"{value:z.2f}, the class {of_class:z.2f}): they may not be clusters of diseases."
            )
        elif name == PATIENT:
            continue
        elif of_class is None and value >= _NOTEWORTHY:
            warnings.append(
                f"The {name_property(name)} explains the clusters (AMI {value:z.2f}): check whether they are "
                "clusters of devices or exports instead of diseases."
            )
        elif of_class is not None and value >= max(_NOTEWORTHY, _NOTEWORTHY_SHARE * of_class):
            warnings.append(
                f"The {name_property(name)} explains the clusters, too (AMI {value:z.2f}, the class "
                f"{of_class:z.2f}): check whether the classes differ in it."
            )
    return warnings


def describe_audit(result: ClusteringResult) -> list[str]:
    """What explains the clusters besides the class: warnings, or that there is nothing to warn of."""
    nuisances = [a for a in result.associations if a.name not in (CLASS, PATIENT)]
    warnings = find_warnings(result)
    if warnings or not nuisances:
        return warnings
    strongest = max(nuisances, key=_value)
    if all(each.adjusted_mutual_information.value is None for each in nuisances):
        why = show_text(str(strongest.adjusted_mutual_information.undefined_reason))
        return [f"Whether an image property explains the clusters cannot be told: {why}."]
    return [
        f"No image property explains the clusters (strongest: {name_property(strongest.name)}, AMI "
        f"{_value(strongest):z.2f})."
    ]


def tabulate_audit(result: ClusteringResult) -> list[tuple[str, str, str, str]]:
    """Property, adjusted and plain mutual information, and number of images, the strongest first."""
    return [
        (
            name_property(association.name),
            format_score(association.adjusted_mutual_information),
            f"{association.mutual_information:z.3f}",
            f"{association.members:,}",
        )
        for association in sorted(result.associations, key=_value, reverse=True)
    ]


def _value(association: Association) -> float:
    return association.adjusted_mutual_information.value or 0.0


def summarize_trust(
    result: ClusteringResult, n_images: int, leaks: Leaks, duplicates: Duplicates
) -> Sequence[str]:
    """The lines on trust that a terminal shows: stability, audit, patients, duplicates, a line or so each."""
    stability = describe_stability(result, n_images, of_patients=leaks.patients > 0)
    lines = [stability, *describe_audit(result), *describe_leaks(leaks, duplicates, listing=LISTED_IN_SCORES)]
    return [line for line in lines if line]

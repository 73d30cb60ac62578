"""What a run clustered, eyes or images, and whether it was whitened within patients, in sentences."""

from octcluster.images.eyes import EyeCounts, count_eyes
from octcluster.model.results import WhiteningDecision
from octcluster.outputs.wording.words import count, have
from octcluster.workflows.outcome import RunOutcome

_WHITENED = "What images of one patient differ by counts less (whitening within patients)"


def summarize_eyes(counts: EyeCounts) -> str:
    """How many scans, eyes and patients there are: ``294 scans of 6 eyes of 6 patients``."""
    of_patients = f" of {count(counts.patients, 'patient')}" if counts.patients else ""
    if counts.patients and counts.without_patient:
        of_patients = f", {counts.eyes - counts.without_patient:,} of them{of_patients}"
    return f"{count(counts.scans, 'scan')} of {count(counts.eyes, 'eye')}{of_patients}"


def describe_eyes(outcome: RunOutcome) -> list[str]:
    """What was clustered where that is eyes, and what is unknown of them; nothing where it is images."""
    if outcome.eyes is None:
        return []
    counts = count_eyes(outcome.eyes.eyes)
    sentences = [f"Eyes were clustered: {summarize_eyes(counts)}."]
    if counts.without_patient:
        sentences.append(
            f"The patient of {count(counts.without_patient, 'eye')} is not known: there each volume, and "
            "each single image, counts as an eye of its own."
        )
    if counts.without_side:
        sentences.append(
            f"Of {count(counts.without_side, 'eye')} it is not known whether it is right or left: there all "
            "images of a patient and visit count as one eye."
        )
    if counts.disagreeing:
        sentences.append(
            f"{count(counts.disagreeing, 'eye')} {have(counts.disagreeing)} scans of different known "
            "classes: the class of such an eye counts as unknown."
        )
    if outcome.result.fitted_missing_reason:
        sentences.append(
            f"Scans have no clusters of their own: {outcome.result.fitted_missing_reason.rstrip('.')}."
        )
    return sentences


def describe_whitening(outcome: RunOutcome) -> list[str]:
    """Whether vectors were whitened within patients, and why; nothing where that was not asked for."""
    decision = outcome.result.patient_whitening
    if decision is None or decision.members_a_patient == 0:
        return []
    asked_for = outcome.spec.preparation.whiten_within_patients
    if decision.applied and decision.like_volumes:
        return [
            f"{_WHITENED}, as was asked for; but {_describe_volumes(decision)}. There that may take "
            f"off the pathology: {_flag(outcome, '--no-whiten-within-patients')} leaves it out."
        ]
    if decision.applied and asked_for == "auto":
        return [
            f"{_WHITENED}: {_describe_single_scans(decision)}. "
            f"{_flag(outcome, '--no-whiten-within-patients')} leaves it out."
        ]
    if decision.applied:
        return []
    return [
        f"What images of one patient differ by counts in full: {_describe_volumes(decision)}. "
        f"{_flag(outcome, '--whiten-within-patients')} whitens all the same."
    ]


def _flag(outcome: RunOutcome, flag: str) -> str:
    """An option that changes a recipe, which has to be named beside it."""
    return f"--recipe {outcome.recipe.name} {flag}" if outcome.recipe.name else flag


def _describe_volumes(decision: WhiteningDecision) -> str:
    return (
        "the images of a patient follow each other like the slices of volumes, which differ in pathology (a "
        f"typical image is one of {decision.members_a_patient:.0f} of its patient; neighbours differ by "
        f"{decision.order_share:.0%} of what images of a patient differ by)"
    )


def _describe_single_scans(decision: WhiteningDecision) -> str:
    return (
        f"the images of a patient look like single scans, not like slices of a volume (neighbours in order "
        f"differ by {decision.order_share:.0%} of what any two images of a patient differ by)"
    )

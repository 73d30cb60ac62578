"""Patients in several classes or splits, and duplicates, in sentences for people."""

from octcluster.images.leaks import Leaks
from octcluster.model.results import Duplicates
from octcluster.outputs.wording.words import are, count, format_interval, format_score, have

LISTED_IN_SCORES = "scores.json lists them"


def describe_leaks(leaks: Leaks, duplicates: Duplicates, *, listing: str = "") -> list[str]:
    """What the leak check found, in sentences that name nobody.

    Args:
        leaks: Patients and near-duplicates in more than one class or split.
        duplicates: The near-duplicates; None if they were not looked for.
        listing: What names the patients, such as ``scores.json lists them``, if anything does.

    Returns:
        The sentences.
    """
    return [*_describe_patients(leaks, listing), *_describe_duplicates(leaks, duplicates)]


def _describe_patients(leaks: Leaks, listing: str) -> list[str]:
    if leaks.patients == 0:
        return ["No patient is known, so intervals and stability are found by redrawing single images."]
    found = [
        f"{count(len(patients), 'patient')} of {leaks.patients:,} {have(len(patients))} images in more than "
        f"one {line}."
        for patients, line in ((leaks.patients_in_classes, "class"), (leaks.patients_in_splits, "split"))
        if patients
    ]
    if found:
        return [*found[:-1], f"{found[-1].removesuffix('.')}; {listing}."] if listing else found
    lines = [line for line, number in (("class", leaks.classes), ("split", len(leaks.splits))) if number > 1]
    if not lines:
        return []
    if not leaks.repeated_patients:
        return [
            f"No patient has several images, so none can have them in more than one {' or '.join(lines)}."
        ]
    return [
        f"None of the {count(leaks.patients, 'patient')} has images in more than one {' or '.join(lines)}."
    ]


def _describe_duplicates(leaks: Leaks, duplicates: Duplicates) -> list[str]:
    if duplicates.total_pairs == 0:
        if duplicates.search is None:
            return ["There are no duplicates or near-duplicates."]
        return ["No duplicates or near-duplicates were found.", *_describe_search(duplicates)]
    across = [
        f"{number:,} across {line}"
        for number, line in (
            (leaks.pairs_across_patients, "patients"),
            (leaks.pairs_across_classes, "classes"),
            (leaks.pairs_across_splits, "splits"),
        )
        if number
    ]
    listed = (
        f", of the {len(duplicates.pairs):,} most similar"
        if len(duplicates.pairs) < duplicates.total_pairs
        else ""
    )
    where = f" ({', '.join(across)}{listed})" if across else ""
    at_least = "at least " if duplicates.search else ""
    return [
        f"There {are(duplicates.total_pairs)} {at_least}{count(duplicates.total_pairs, 'pair')} of "
        f"duplicates or near-duplicates{where}; duplicates.csv lists them.",
        *_describe_search(duplicates),
    ]


def _describe_search(duplicates: Duplicates) -> list[str]:
    """How many near-duplicates the search finds, if it did not compare all pairs."""
    search = duplicates.search
    if search is None:
        return []
    sample = f"a random sample of {count(search.sampled_members, 'image')}"
    pairs = count(search.sampled_pairs, "pair")
    share = (
        f"How many near-duplicates the search misses is not known: {sample} has none."
        if search.recall.value is None
        else f"The search finds {format_score(search.recall)} of the near-duplicates (95% interval "
        f"{format_interval(search.recall)}), as estimated from {pairs} of {sample}."
    )
    left_out = "More images are alike than the search compares one by one: it left out pairs among them."
    lines = ["With so many images, not all pairs are compared.", share]
    return [*lines, left_out] if search.exceeded else lines

"""The stop sign of a run: its clusters go with people, and nobody should read them as pathologies."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from octcluster.images.eyes import gather_eyes
from octcluster.images.image_set import Scan
from octcluster.model.results import ClusteringResult
from octcluster.outputs.wording.trust import CLASS, PATIENT
from octcluster.outputs.wording.words import count
from octcluster.workflows.outcome import RunOutcome

MANY_IMAGES = 5
"""A person with so many images can be seen to stay in one cluster."""
PEOPLE_A_CLUSTER = 10
"""With fewer people for each cluster, people and pathologies cannot be told apart."""
_MOST = 0.5
_FOLLOWS = 0.5
"""How far images stay in the cluster of their person, 0 as by chance, 1 all of them."""


@dataclass(frozen=True)
class People:
    """How the images of a run lie with people who have many of them.

    Attributes:
        patients: Number of known people.
        effective: Number of patients, those with few images counted less: with one image in two of one
            patient, hardly more than 2.
        share_of_many: Share of all images that are of a patient with MANY_IMAGES or more.
        in_one_cluster: Share of these images that lie in the cluster where most images of their patient lie.
        follows: The same compared with chance: 0 as by chance, 1 all of them.
    """

    patients: int
    effective: float
    share_of_many: float
    in_one_cluster: float
    follows: float


def measure_people(patients: Sequence[str | None], clusters: Sequence[int]) -> People:
    """Measures how far clusters go with people.

    Args:
        patients: Person of each image; None: unknown, a person of its own.
        clusters: Cluster of each image.

    Returns:
        What was found; zeros where no patient has many images.
    """
    of_patient: dict[str, list[int]] = defaultdict(list)
    for patient, cluster in zip(patients, clusters, strict=True):
        if patient is not None:
            of_patient[patient].append(cluster)
    sizes = [len(found) for found in of_patient.values()]
    unknown = len(patients) - sum(sizes)
    effective = len(patients) ** 2 / max(sum(size**2 for size in sizes) + unknown, 1)
    many = [found for found in of_patient.values() if len(found) >= MANY_IMAGES]
    images = sum(map(len, many))
    if not images:
        return People(len(of_patient), effective, 0.0, 0.0, 0.0)
    in_one = sum(max(Counter(found).values()) for found in many) / images
    by_chance = max(Counter(clusters).values()) / len(clusters)
    follows = (in_one - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
    return People(len(of_patient), effective, images / len(patients), in_one, follows)


def name_people(scans: Sequence[Scan]) -> list[str | None]:
    """The person of each scan: its patient, else its volume, which is of one person; None: unknown."""
    people = [scan.patient for scan in scans]
    if None in people and any(scan.number is not None for scan in scans):
        for number, eye in enumerate(gather_eyes(scans)):
            if eye.patient is None and len(eye.rows) > 1:
                for row in eye.rows:
                    people[row] = f"volume {number}"
    return people


def find_stop_sign(outcome: RunOutcome) -> list[str]:
    """Says that the clusters go with people, in sentences for a clinician, with the way out.

    Returns:
        The sentences, the verdict first; nothing where the clusters may be read.
    """
    if outcome.eyes is not None:
        return []
    chosen, clusters = outcome.chosen, outcome.assignments.clusters
    people = measure_people(name_people(outcome.members), clusters)
    if people.share_of_many < _MOST or people.follows < _FOLLOWS:
        return []
    needed = PEOPLE_A_CLUSTER * max(chosen.clusters, 2)
    are_few = people.effective < needed
    of_class, of_patient = _read(chosen, CLASS), _read(chosen, PATIENT)
    if of_class is not None:
        if of_patient is None or of_patient <= of_class:
            return []
        verdict = "Stop: these clusters go with people, not with pathologies."
        why = (
            f" The patient explains them better than the class (AMI {of_patient:.2f} against {of_class:.2f})."
        )
    elif are_few:
        verdict = "Stop: these clusters go with people. Do not read them as pathologies."
        why = " With so few people nobody can tell whether a cluster is a disease or a person."
    else:
        return []
    return [
        verdict,
        f"{count(len(clusters), 'image')} are of {count(people.patients, 'person')}, and "
        f"{people.in_one_cluster:.0%} of the images of a person lie in one cluster. Scans of one person look "
        f"more alike than scans of one disease.{why}",
        _say_way_out(needed, are_few=are_few),
    ]


def describe_few_eyes(outcome: RunOutcome) -> list[str]:
    """Warns of clusters of very few eyes; nothing where images were clustered or eyes are enough."""
    eyes, clusters = len(outcome.units), outcome.chosen.clusters
    needed = PEOPLE_A_CLUSTER * clusters
    if outcome.eyes is None or eyes >= needed:
        return []
    return [
        f"{count(eyes, 'eye')} are few for {count(clusters, 'cluster')}: take the clusters as a hint. Add "
        f"eyes, {needed} or more, or put these into the clusters of a finished run (octcluster assign)."
    ]


def _say_way_out(needed: int, *, are_few: bool) -> str:
    by_eye = "cluster eyes instead of images (--unit eye)"
    if not are_few:
        return f"What to do: {by_eye}, or take one scan of each eye (--scans middle)."
    return (
        "What to do: put these images into the clusters of a finished run of many people (octcluster "
        f"assign). Or add people, so that there are {needed} or more, and {by_eye}."
    )


def _read(result: ClusteringResult, name: str) -> float | None:
    """The adjusted mutual information of the clusters with this; None where it is unknown."""
    found = (each for each in result.associations if each.name == name)
    return next((each.adjusted_mutual_information.value for each in found), None)

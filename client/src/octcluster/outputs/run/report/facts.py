"""How a run was made, for the report."""

from octcluster.images.leaks import has_repeated_patients
from octcluster.model.runs import Preparation
from octcluster.outputs.wording.notes import tell_notes
from octcluster.outputs.wording.vectors import describe_sources, describe_space
from octcluster.outputs.wording.words import count
from octcluster.workflows.outcome import RunOutcome


def list_facts(outcome: RunOutcome) -> list[tuple[str, str]]:
    """Names and values of what is needed to judge and repeat a run."""
    space, spec = outcome.space, outcome.spec
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in outcome.stage_seconds.items())
    facts = [
        ("result", outcome.result_id),
        ("recipe", outcome.recipe.name or "none of the named ones"),
        ("model", describe_space(space)),
        ("weights", space.weights_digest and f"SHA-256 {space.weights_digest}"),
        ("preprocessing", space.preprocessing_version),
        ("preparation", _describe_preparation(outcome)),
        ("seed", str(spec.seed)),
        ("runtime", outcome.runtime),
        ("versions", ", ".join(f"{name} {version}" for name, version in outcome.versions.items())),
        ("images", describe_sources(outcome)),
        *([("names", " ".join(told))] if (told := tell_notes(outcome.image_set)) else []),
        ("time", seconds),
    ]
    return [(name, value) for name, value in facts if value]


def _describe_preparation(outcome: RunOutcome) -> str:
    preparation, dimension = outcome.spec.preparation, outcome.result.prepared_dimension
    steps = []
    if preparation.l2_normalize:
        steps.append("unit length")
    if preparation.standardize:
        steps.append("each dimension standardized")
    if isinstance(preparation.pca, float):
        steps.append(f"PCA to {preparation.pca:.4g} of the variance")
    elif preparation.pca is not None:
        steps.append(_describe_components(preparation, preparation.pca, dimension))
    if preparation.whiten:
        steps.append("whitened")
    if preparation.whiten_within_patients:
        steps.append(_describe_patient_whitening(outcome))
    if preparation.normalize_prepared:
        steps.append("unit length again")
    return f"{', '.join(steps) or 'none'}; {dimension:,} values an image"


def _describe_patient_whitening(outcome: RunOutcome) -> str:
    decision = outcome.result.patient_whitening
    if not has_repeated_patients(outcome.members):
        return "not whitened within patients, for none is known to have several images"
    if decision is not None and not decision.applied:
        return "not whitened within patients, whose images look like the slices of volumes"
    return "whitened within patients who have several images"


def _describe_components(preparation: Preparation, asked_for: int, dimension: int) -> str:
    """How many components each part of the vectors has: fewer than asked for if there are few images."""
    parts = max(1, len(preparation.part_dimensions))
    of_what = "" if parts == 1 else f" of each of {parts} parts"
    if dimension >= asked_for * parts:
        return f"PCA to {count(asked_for, 'component')}{of_what}"
    kept = f"{dimension:,}" if parts == 1 else f"{dimension:,} in all"
    return f"PCA to at most {count(asked_for, 'component')}{of_what}, of which there are {kept}"

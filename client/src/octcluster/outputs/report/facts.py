"""How a run was made, for the report."""

from octcluster.outputs.words import count
from octcluster.runs import Preparation
from octcluster.workflows.outcome import RunOutcome


def list_facts(outcome: RunOutcome) -> list[tuple[str, str]]:
    """Names and values of what is needed to judge and repeat a run."""
    space, spec = outcome.space, outcome.spec
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in outcome.stage_seconds.items())
    return [
        ("recipe", outcome.recipe.name or "none of the named ones"),
        ("model", f"{space.model}, features {space.features}, {space.dimension:,} values an image"),
        ("weights", f"SHA-256 {space.weights_digest}"),
        ("preprocessing", space.preprocessing_version),
        ("preparation", _describe_preparation(spec.preparation, outcome.result.prepared_dimension)),
        ("seed", str(spec.seed)),
        ("runtime", outcome.runtime),
        ("versions", ", ".join(f"{name} {version}" for name, version in outcome.versions.items())),
        (
            "images",
            f"{outcome.embedded:,} embedded, {outcome.cached:,} from the cache, "
            f"{len(outcome.failures):,} failed",
        ),
        ("time", seconds),
    ]


def _describe_preparation(preparation: Preparation, dimension: int) -> str:
    steps = []
    if preparation.l2_normalize:
        steps.append("unit length")
    if preparation.standardize:
        steps.append("each dimension standardized")
    if isinstance(preparation.pca, float):
        steps.append(f"PCA to {preparation.pca:.4g} of the variance")
    elif preparation.pca is not None:
        steps.append(f"PCA to {count(preparation.pca, 'component')}")
    if preparation.whiten:
        steps.append("whitened")
    if preparation.whiten_within_groups:
        steps.append("whitened within patients who have several images")
    if preparation.normalize_prepared:
        steps.append("unit length again")
    return f"{', '.join(steps) or 'none'}; {dimension:,} values an image"

"""model.npz: the run as a file that takes other images, here or elsewhere."""

from collections import Counter
from datetime import datetime

from octcluster.model.run_model import RunModel
from octcluster.outputs.json_files import format_time
from octcluster.workflows.model_file import write_model
from octcluster.workflows.outcome import RunOutcome


def format_model(outcome: RunOutcome, started: datetime) -> bytes | None:
    """Formats the file; None if what was fitted is too large to keep.

    Args:
        outcome: What the run found.
        started: When the run began, with a time zone.
    """
    if outcome.fitted is None:
        return None
    classes = outcome.image_set.classes
    sizes = Counter(unit.label for unit in outcome.units if unit.label is not None)
    model = RunModel(
        run_id=outcome.spec.run_id,
        result_id=outcome.result_id,
        space=outcome.space,
        cluster_sizes=outcome.chosen.cluster_sizes,
        class_sizes=dict(sorted(sizes.items())),
        class_of_cluster={cluster: classes[index] for cluster, index in outcome.class_of_cluster.items()},
        algorithm=outcome.chosen.algorithm,
        recipe=outcome.recipe.name,
        seed=outcome.spec.seed,
        started=format_time(started),
        versions=outcome.versions,
        fitted=outcome.fitted,
        unit=outcome.unit,
    )
    return write_model(model)

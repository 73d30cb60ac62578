"""A made-up outcome of a study, for tests of what is written and shown."""

from dataclasses import replace
from pathlib import Path

from octcluster.workflows.study import PartOutcome, PartState, StudyOutcome
from octcluster.workflows.study_file import read_matrix
from outcomes import make_outcome

MATRIX = """
title = "Two ways"

[features.grey]
model = "pixels"
features = "pixels"

[features.net]
model = "vgg16"

[preparations.plain]

[[experiments]]
features = ["grey", "net"]
preparations = ["plain"]
algorithms = ["kmeans", "hdbscan"]
k = "3:4"

[[published]]
source = "somebody <else>"
features = ["grey"]
preparations = ["plain"]
algorithm = "kmeans"
silhouettes = { 3 = 0.125, 4 = 0.0625 }
k = 4
accuracy = 0.375
adjusted_rand_index = 0.03
classes = ["CNV", "NORMAL"]
counts = [[10, 20, 30, 40], [50, 60, 70, 80]]
"""


def make_study(tmp_path: Path) -> StudyOutcome:
    """One part done, one skipped for a reason that names a folder."""
    (tmp_path / "matrix.toml").write_text(MATRIX)
    matrix = read_matrix(tmp_path / "matrix.toml")
    run = make_outcome(ks=(3, 4), noise=True, failed=1)
    result = replace(run.result, stage_peak_bytes={"clustering": 300 * 2**20})
    first, second = matrix.parts
    parts = [
        PartOutcome(first, PartState.DONE, replace(run, result=result)),
        PartOutcome(second, PartState.SKIPPED, reason="put the weights into /home/secret/weights.h5"),
    ]
    return StudyOutcome(run.image_set, matrix, 7, {"hdbscan"}, parts, {"reading": 0.5})

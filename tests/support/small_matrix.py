"""A small matrix of a study, as a file."""

from pathlib import Path

from octcluster.workflows.study_file import read_matrix
from octcluster.workflows.study_matrix import StudyMatrix

SMALL = """
[features.grey]
model = "pixels"
features = "pixels"

[preparations.plain]
l2_normalize = false

[preparations.reduced]
pca = 0.95
whiten = true

[[experiments]]
features = ["grey"]
preparations = ["plain", "reduced"]
algorithms = ["kmeans"]
k = "2:3"
"""


def read(tmp_path: Path, text: str) -> StudyMatrix:
    file = tmp_path / "matrix.toml"
    file.write_text(text)
    return read_matrix(file)

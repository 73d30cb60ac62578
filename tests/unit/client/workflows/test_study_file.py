"""The file of a study: what breaks a rule is told with its place and the cure."""

from pathlib import Path

import pytest
from octcluster.model.errors import InvalidArguments
from octcluster.workflows.study_file import read_matrix
from small_matrix import SMALL, read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = [", "is no TOML file"),
        ('colour = "red"', "the file has 'colour'"),
        ("", r"has no \[\[experiments\]\]"),
        (
            '[features.grey]\nmodel = "pixels"\nfeatures = "grey"',
            "features 'grey': features: 'grey' is none of pooled, flatten",
        ),
        ("[features.grey]\n", "features 'grey' lacks model: write a text in quotes"),
        ("[preparations.odd]\nwhiten = true", "preparation 'odd': whiten needs pca"),
        (
            "[preparations.odd]\npca = 1.5",
            r"preparation 'odd': pca: 1.5 is neither a share of the variance",
        ),
        ("[preparations.odd]\npca = true", "preparation 'odd': pca: True is neither a share"),
        ("[preparations.odd]\npca = 8\nwhiten = 1", "preparation 'odd': whiten: write true or false"),
        (
            "[preparations.odd]\nwhiten_within_patients = true",
            "needs whiten: add whiten = true",
        ),
        ("[preparations]\nodd = 1", "preparation 'odd': write a table"),
        ("[preparations.odd]\npart_dimensions = [1]", "has 'part_dimensions'"),
        (SMALL.replace('"2:3"', '"3:2"'), "experiment 1: k: '3:2' cannot be used"),
        (SMALL.replace('k = "2:3"', ""), 'experiment 1 lacks k: write k = 4, or k = "2:6"'),
        (SMALL.replace('["kmeans"]', '["kmeens"]'), "experiment 1: algorithms: 'kmeens' is none of kmeans"),
        (
            SMALL.replace('"plain", "reduced"', '"plane"'),
            "preparations has 'plane'; there are plain, reduced",
        ),
        (SMALL.replace('["kmeans"]', "[]"), "experiment 1: algorithms: "),
        (SMALL.replace('["kmeans"]', '"kmeans"'), "experiment 1: algorithms: write a list"),
        (SMALL.replace("[[experiments]]", "[experiments]"), r"the file: write \[\[experiments\]\]"),
        (
            SMALL + '[[published]]\nsource = "me"\n',
            "published figures 1 lacks features: write a list",
        ),
        (
            SMALL + SMALL[SMALL.index("[[") :].replace("k =", "n ="),
            "experiment 2 has 'n'; there are features, preparations, algorithms, k",
        ),
        (SMALL + SMALL[SMALL.index("[[") :], "experiment 2 repeats grey, plain: kmeans with k = 2"),
        (
            '[[experiments]]\nmodel = "pixels"\nrecipe = "best"\nk = 4',
            "experiment 1: recipe: 'best' is",
        ),
    ],
)
def test_what_breaks_a_rule_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidArguments, match=message):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match=r"gone\.toml: No such file"):
        read_matrix(tmp_path / "gone.toml")

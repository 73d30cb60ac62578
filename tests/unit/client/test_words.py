"""What is said of a result must be true of it."""

import pytest
from octcluster.outputs.words import judge_silhouette


@pytest.mark.parametrize(
    ("silhouette", "said"),
    [
        (0.71, "strongly separated"),
        (0.51, "reasonably separated"),
        (0.26, "weakly separated"),
        (0.25, "no substantial structure"),
    ],
)
def test_a_silhouette_is_judged_by_the_published_limits(silhouette: float, said: str) -> None:
    assert said in judge_silhouette(silhouette, whitened=False)


@pytest.mark.parametrize("silhouette", [-0.1, 0.034, 0.3])
def test_a_silhouette_of_whitened_features_is_no_verdict(silhouette: float) -> None:
    said = judge_silhouette(silhouette, whitened=True)
    assert "comparing groupings only" in said
    assert "separated" not in said
    assert "structure" not in said

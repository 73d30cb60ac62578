"""How many components hold how much."""

from octcluster.outputs.variance import count_components


def test_components_are_counted_where_the_curve_crosses() -> None:
    assert count_components([0.5, 0.4, 0.05, 0.04]) == {0.90: 2, 0.95: 3, 0.99: 4}
    assert count_components([0.5, 0.4]) == {0.90: 2, 0.95: None, 0.99: None}

"""Which class each cluster stands for."""

from collections.abc import Sequence


def match_clusters(counts: Sequence[Sequence[int]]) -> dict[int, int]:
    """Matches clusters and classes one to one so that most images lie in the cluster of their class.

    The Hungarian method with shortest augmenting paths, after Jonker and Volgenant, Computing 38 (1987) 325.

    Args:
        counts: Number of images, classes (rows) x clusters (columns).

    Returns:
        Row by column, for as many columns as there are of the fewer of both.
    """
    rows, columns = len(counts), len(counts[0]) if counts else 0
    if rows > columns:
        transposed = [[row[column] for row in counts] for column in range(columns)]
        return {column: row for row, column in match_clusters(transposed).items()}
    row_of: dict[int, int] = {}
    row_prices, column_prices = [0] * rows, [0] * columns
    for first in range(rows):
        # The cheapest way from the new row over rows that give up their column to a column that is free.
        slack = dict.fromkeys(range(columns), _ENDLESS)
        before: dict[int, int | None] = {}
        passed: list[int] = []
        row, at = first, None
        while True:
            for column in slack:
                cost = -counts[row][column] - row_prices[row] - column_prices[column]
                if cost < slack[column]:
                    slack[column], before[column] = cost, at
            at = min(slack, key=lambda column: slack[column])
            step = slack.pop(at)
            slack = {column: cost - step for column, cost in slack.items()}
            row_prices[first] += step
            for column in passed:
                row_prices[row_of[column]] += step
                column_prices[column] -= step
            passed.append(at)
            if at not in row_of:
                break
            row = row_of[at]
        while at is not None:
            previous = before[at]
            row_of[at] = first if previous is None else row_of[previous]
            at = previous
    return row_of


_ENDLESS = 1 << 62

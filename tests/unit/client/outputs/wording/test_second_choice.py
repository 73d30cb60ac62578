"""The number of clusters that came second: its sentence, and its table."""

import io
from dataclasses import replace
from pathlib import Path

from octcluster.cli.terminal.run import print_run_summary
from octcluster.outputs.wording.second_choice import describe_second, explain_choice, tabulate_second
from octcluster.workflows.outcome import RunOutcome, SecondChoice
from outcomes import make_outcome


def make_two_and_four(*, nested: bool) -> RunOutcome:
    """A run that chose 2 clusters; 4 came second, and lie inside the 2 or cut across them."""
    outcome = make_outcome(ks=(2, 3, 4), ratings=(2.3, 0.9, 1.3))
    n_units = len(outcome.members)
    four = [row % 4 for row in range(n_units)]
    two = [cluster // 2 if nested else row % 3 % 2 for row, cluster in enumerate(four)]
    return replace(
        outcome,
        result=replace(outcome.result, chosen=0, chosen_reason="2 clusters suit the images best"),
        assignments=replace(outcome.assignments, clusters=two),
        second=SecondChoice(2, four),
    )


def test_the_runner_up_has_the_second_highest_rating() -> None:
    result = make_two_and_four(nested=True).result
    assert result.runner_up == 2
    assert replace(result, chosen=2).runner_up == 0
    assert make_outcome(ks=(2, 3)).result.runner_up is None


def test_more_clusters_inside_of_fewer_are_told_and_counted() -> None:
    outcome = make_two_and_four(nested=True)
    assert explain_choice(outcome) == [
        "2 clusters suit the images best.",
        "The 4 clusters lie inside the 2: 100% of the images agree.",
    ]
    header, rows = tabulate_second(outcome) or ([], [])
    assert header == ["of 4 clusters", "in cluster 0 of 2", "in cluster 1 of 2"]
    assert rows == [["cluster 0", 20, 0], ["cluster 1", 20, 0], ["cluster 2", 0, 20], ["cluster 3", 0, 20]]
    assert describe_second(outcome) == "4 clusters came second: images in both"


def test_clusters_that_cut_across_each_other_are_called_so() -> None:
    _, sentence = explain_choice(make_two_and_four(nested=False))
    assert sentence.startswith("The 4 clusters cut across the 2: ")


def test_one_number_alone_needs_no_words() -> None:
    outcome = make_outcome()
    assert explain_choice(outcome) == []
    assert tabulate_second(outcome) is None
    assert describe_second(outcome) == ""


def test_the_terminal_says_it_before_all_else() -> None:
    stream = io.StringIO()
    print_run_summary(make_two_and_four(nested=True), Path("out"), stream)
    printed = stream.getvalue()
    assert printed.index("2 clusters suit the images best.") < printed.index("80 images:")
    assert "of 4 clusters" in printed

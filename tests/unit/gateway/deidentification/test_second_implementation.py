"""De-identification held against another implementation of the same table, attribute by attribute."""

import copy
import warnings
from collections import defaultdict

import pytest
from dicomanonymizer.simpledicomanonymizer import anonymize_dataset, initialize_actions_2024b
from identifying import CANARIES, encode, make_dataset, make_row_element
from octcluster_gateway.deidentification.apply import Deidentifier
from octcluster_gateway.deidentification.table import Row, find_row, read_table
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

_DEIDENTIFIER = Deidentifier(Pseudonyms(b"s" * 32))

# Where the two differ: by the cell of the table and the value representations, what becomes of an attribute
# here and there, and why. Everywhere else they agree.
_EXPLAINED = {
    ("X", "DA"): ("removed", "replaced", "it leaves a dummy date, because some programs expect a date"),
    ("Z", "DA"): ("emptied", "replaced", "as above"),
    ("Z", "DT"): ("emptied", "replaced", "as above"),
    ("Z", "TM"): ("emptied", "replaced", "as above"),
    ("X/Z", "DA"): ("emptied", "replaced", "as above"),
    ("X/Z", "TM"): ("emptied", "replaced", "as above"),
    ("Z", "SQ"): (
        "emptied",
        "replaced",
        "it keeps the items and empties what is in them; here no item stays",
    ),
    ("X/Z", "SQ"): ("emptied", "replaced", "as above"),
}


def find_outcome(dataset: Dataset, before: DataElement) -> str:
    if before.tag not in dataset:
        return "removed"
    after = dataset[before.tag]
    if after.is_empty:
        return "emptied"
    return "kept" if after.value == before.value else "replaced"


def deidentify_there(dataset: Dataset) -> Dataset:
    changed = copy.deepcopy(dataset)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anonymize_dataset(changed, base_rules_gen=initialize_actions_2024b)
    return changed


def compare(row: Row) -> tuple[str, str, str]:
    """Value representation, and what becomes of the attribute here and there."""
    element = make_row_element(row)
    dataset = make_dataset(copy.deepcopy(element))
    here, there = _DEIDENTIFIER.copy(dataset, "P-0012"), deidentify_there(dataset)
    return element.VR[:2], find_outcome(here, element), find_outcome(there, element)


@pytest.mark.heavy
def test_every_attribute_of_the_table_is_treated_alike_or_for_a_reason() -> None:
    differences: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    alike = 0
    for row in read_table():
        if row.tag < "(0008":  # not in data sets
            continue
        vr, here, there = compare(row)
        assert "kept" not in (here, there), row
        if here == there:
            alike += 1
        else:
            differences[row.basic, vr].add((here, there))
    assert dict(differences) == {key: {reason[:2]} for key, reason in _EXPLAINED.items()}
    assert alike == 565  # of 617 in data sets


def test_both_know_the_same_attributes() -> None:
    # A row that one of them has and the other one has not is a row of another edition of the standard.
    there = {tag[0] << 16 | tag[1] for tag in initialize_actions_2024b() if len(tag) == 2}
    missing = sorted(f"{tag:08x}" for tag in there if find_row(tag) is None)
    assert missing == []


def test_only_this_one_looks_into_sequences_that_the_table_does_not_name() -> None:
    holder = Dataset()
    for row in read_table():
        if row.tag >= "(0008":
            holder.add(make_row_element(row))
    dataset = make_dataset()
    dataset.SharedFunctionalGroupsSequence = [holder]
    here, there = encode(_DEIDENTIFIER.copy(dataset, "P-0012")), encode(deidentify_there(dataset))
    assert not any(canary.encode() in here for canary in CANARIES)
    assert all(canary.encode() in there for canary in CANARIES)

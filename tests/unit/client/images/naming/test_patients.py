"""Whether equal names are the same person."""

from octcluster.images.naming.patients import PatientName, tell_apart


def name(*paths: str) -> list[PatientName]:
    return [PatientName(path.rpartition("/")[2], path.rpartition("/")[0]) for path in paths]


def test_short_numbers_that_most_folders_count_anew_are_other_people() -> None:
    found = tell_apart(name("AMD/1", "AMD/2", "NORMAL/1", "NORMAL/2", "NORMAL/3"))
    assert sorted(found.ids.values()) == ["AMD/1", "AMD/2", "NORMAL/1", "NORMAL/2", "NORMAL/3"]
    assert (found.kept_apart, found.joined) == (2, 0)


def test_long_numbers_are_ids_of_one_person() -> None:
    found = tell_apart(name("AMD/10301", "NORMAL/10301", "NORMAL/10302"))
    assert sorted(found.ids.values()) == ["10301", "10301", "10302"]
    assert (found.kept_apart, found.joined) == (0, 1)


def test_few_short_names_that_recur_are_one_person_each() -> None:
    found = tell_apart(name(*(f"AMD/P{i:02}" for i in range(10)), *(f"NORMAL/P{i:02}" for i in range(8, 20))))
    assert found.kept_apart == 0
    assert found.joined == 2


def test_without_folders_above_names_stay() -> None:
    assert set(tell_apart(name("1", "2")).ids.values()) == {"1", "2"}

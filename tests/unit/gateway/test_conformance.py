"""The conformance statement says what the code's own tables say."""

import re
from collections import Counter
from collections.abc import Callable

import pytest
from machine import REPOSITORY
from octcluster_gateway import errors
from octcluster_gateway.audit import accounts
from octcluster_gateway.audit.events import AuditEvent, EventKind, Participant, Patient, Study
from octcluster_gateway.deidentification.burned_in import RISKY_CLASSES
from octcluster_gateway.deidentification.profile import BASIC_PROFILE, Action, Option, Profile
from octcluster_gateway.deidentification.table import read_table
from octcluster_gateway.errors import Refused
from octcluster_gateway.results import structured_report
from pydicom.uid import UID

_STATEMENT = REPOSITORY / "docs/conformance.md"
_ACTIONS = {
    Action.REMOVE: "removed",
    Action.EMPTY: "emptied",
    Action.REPLACE: "replaced by a value that says nothing",
    Action.REPLACE_UIDS: "its UIDs replaced",
}


def write_table(*rows: tuple[str, ...]) -> str:
    lines = ["|" + "".join(f" {cell} |" if cell else " |" for cell in row) for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def first_line(documented: object) -> str:
    return str(documented.__doc__).partition("\n")[0]


def list_refusals() -> list[type[Refused]]:
    found = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Refused)
    ]
    return sorted(found, key=lambda error: (error is Refused, error.status))


def write_statuses() -> str:
    rows = [(f"{error.status:04X}", error.__name__, first_line(error)) for error in list_refusals()]
    header = ("status", "error in the code", "when")
    return write_table(header, ("0000", "", "the object is kept"), *rows)


def write_report() -> str:
    uid = UID(structured_report.SOP_CLASS)
    return write_table(
        ("", ""),
        ("SOP class", f"{uid} ({uid.name})"),
        ("template", "TID 1500 Measurement Report, with TID 1501 for the eye"),
        ("series description", structured_report.SERIES_DESCRIPTION),
        ("comment in the content", structured_report.RESEARCH_USE),
        ("completion, verification", "PARTIAL, UNVERIFIED"),
    )


def write_codes() -> str:
    rows = [(f"`{code.value}`", code.meaning) for code in structured_report.OWN_CODES]
    return write_table(("code", "meaning"), *rows)


def write_profile() -> str:
    options = [
        (option.code.meaning, option.code.value, f"`{option.name.lower().replace('_', '-')}`")
        for option in Option
    ]
    header = ("profile or option", "code (DCM)", "name for the setting")
    return write_table(header, (BASIC_PROFILE.meaning, BASIC_PROFILE.value, "always"), *options)


def write_actions() -> str:
    from identifying import tag_of

    counts = Counter(Profile().find_action(tag_of(row)) for row in read_table())
    rows = [(name, str(counts.pop(action))) for action, name in _ACTIONS.items()]
    assert not counts
    return write_table(("action", "rows of the table"), *rows)


def write_risky() -> str:
    return write_table(("SOP class", "UID"), *((name, uid) for uid, name in RISKY_CLASSES.items()))


def make_events() -> dict[Callable[..., object], list[AuditEvent]]:
    """What each function of ``accounts`` makes."""
    user, patient, study = Participant("jane"), Patient("P-0012"), Study("1.2")
    return {
        accounts.account_start: [accounts.account_start("GATEWAY")],
        accounts.account_stop: [accounts.account_stop("GATEWAY")],
        accounts.account_receipt: [accounts.account_receipt("DEVICE", "GATEWAY", study, patient)],
        accounts.account_report: [accounts.account_report("GATEWAY", "PACS", study, patient)],
        accounts.account_copy: [accounts.account_copy("GATEWAY", "ARCHIVE", study, patient)],
        accounts.account_removal: [accounts.account_removal("GATEWAY", study, patient)],
        accounts.account_change: [accounts.account_change(user, "another key", "identities.sqlite")],
        accounts.account_erasure: accounts.account_erasure(user, patient, [study]),
        accounts.account_lookup: [accounts.account_lookup(user, "0", {})],
        accounts.account_refusal: [accounts.account_refusal("GATEWAY", "EVIL", "192.0.2.1", "unknown")],
    }


def write_events() -> str:
    made = make_events()
    there = {value for name, value in vars(accounts).items() if name.startswith("account_")}
    assert set(made) == there
    rows = []
    for function, events in made.items():
        for event in events:
            kind = event.kind
            code, kind_type = kind.event_id, kind.event_type
            described = f"{kind_type.meaning} ({kind_type.value})" if kind_type else ""
            rows.append((code.meaning, code.value, described, kind.action, first_line(function)))
    order = [
        kind.event_id.value + (kind.event_type.value if kind.event_type else "") + kind.action
        for kind in EventKind
    ]
    rows.sort(
        key=lambda row: (row[1], row[2], order.index(row[1] + "".join(re.findall(r"\d{6}", row[2])) + row[3]))
    )
    return write_table(("event", "code (DCM)", "type", "action", "when"), *rows)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("statuses", write_statuses),
        ("report", write_report),
        ("codes", write_codes),
        ("profile", write_profile),
        ("actions", write_actions),
        ("risky", write_risky),
        ("events", write_events),
    ],
)
def test_statement_says_what_the_code_says(name: str, write: Callable[[], str]) -> None:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", _STATEMENT.read_text(), re.DOTALL)
    assert found is not None
    assert found[1] == write()


def test_risky_classes_have_the_names_of_the_standard() -> None:
    assert {uid: UID(uid).name for uid in RISKY_CLASSES} == RISKY_CLASSES


def test_every_kind_of_event_is_told() -> None:
    made = {event.kind for events in make_events().values() for event in events}
    assert made == set(EventKind)

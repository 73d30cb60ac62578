"""Which profile and options of PS3.15 Annex E are applied, and what they do with an attribute."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from octcluster_gateway.deidentification.table import find_row


class MethodCode(NamedTuple):
    """A De-identification Method of CID 7050, of the scheme DCM."""

    value: str
    meaning: str


BASIC_PROFILE = MethodCode("113100", "Basic Application Confidentiality Profile")


class Option(Enum):
    """Options that a site may choose.

    Attributes:
        column: The option's column in the table.
        code: The option's code.
    """

    SHIFTED_DATES = (
        "rtnLongModifDatesOpt",
        MethodCode("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    )
    DEVICE_IDENTITY = ("rtnDevIdOpt", MethodCode("113109", "Retain Device Identity Option"))
    PATIENT_CHARACTERISTICS = (
        "rtnPatCharsOpt",
        MethodCode("113108", "Retain Patient Characteristics Option"),
    )

    def __init__(self, column: str, code: MethodCode) -> None:
        self.column = column
        self.code = code


class Action(Enum):
    """What becomes of an attribute.

    Where the table leaves a choice (``X/Z/D``), the last one is taken: it is right for every object, whether
    the object's definition asks for the attribute, for a value, or for neither.
    """

    KEEP = "K"
    REMOVE = "X"
    EMPTY = "Z"
    REPLACE = "D"
    REPLACE_UIDS = "U"
    SHIFT = "C"


_BASIC_ACTIONS = {
    "X": Action.REMOVE,
    "Z": Action.EMPTY,
    "X/Z": Action.EMPTY,
    "D": Action.REPLACE,
    "X/D": Action.REPLACE,
    "Z/D": Action.REPLACE,
    "X/Z/D": Action.REPLACE,
    "U": Action.REPLACE_UIDS,
    "X/Z/U*": Action.REPLACE_UIDS,
}


@dataclass(frozen=True)
class Profile:
    """The Basic Application Level Confidentiality Profile with the options of a site.

    Attributes:
        options: The options. Without ``SHIFTED_DATES`` all dates and times are dropped.
    """

    options: frozenset[Option] = field(default_factory=frozenset)

    @classmethod
    def with_options(cls, names: Iterable[str]) -> "Profile":
        """The profile with options by their names in lower case, such as ``shifted-dates``.

        Raises:
            KeyError: There is no option of that name.
        """
        return cls(frozenset(Option[name.upper().replace("-", "_")] for name in names))

    @property
    def codes(self) -> tuple[MethodCode, ...]:
        """What the profile is called in a de-identified object, by CID 7050."""
        return (BASIC_PROFILE, *(option.code for option in Option if option in self.options))

    def find_action(self, tag: int) -> Action:
        """What becomes of an attribute.

        Where an option asks to clean an attribute, dates are shifted. Other attributes are treated as by the
        basic profile, which is stricter, because text is not cleaned.
        """
        row = find_row(tag)
        if row is None:
            return Action.KEEP
        chosen = {row.options.get(option.column) for option in self.options}
        if "K" in chosen:
            return Action.KEEP
        if Option.SHIFTED_DATES in self.options and row.options.get(Option.SHIFTED_DATES.column) == "C":
            return Action.SHIFT
        return _BASIC_ACTIONS[row.basic]

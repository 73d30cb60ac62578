"""Values that stand in the place of others and say nothing: one for each value representation."""

from typing import Any

TEXT = "ANONYMIZED"
DATE = "19000101"
TIME = "000000"
DATE_TIME = DATE + TIME

_DUMMIES: dict[str, Any] = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "UR"), TEXT),
    "AS": "000Y",
    "DA": DATE,
    "TM": TIME,
    "DT": DATE_TIME,
    **dict.fromkeys(("DS", "IS"), "0"),
    **dict.fromkeys(("FL", "FD"), 0.0),
    **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV", "AT"), 0),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), b"\0\0"),
}


def make_dummy(vr: str) -> Any:
    """The dummy value of a value representation; of ``OB or OW`` and the like that of the first one.

    Raises:
        KeyError: Not of a value representation that holds values (``SQ``), or of UIDs (``UI``).
    """
    return _DUMMIES[vr[:2]]

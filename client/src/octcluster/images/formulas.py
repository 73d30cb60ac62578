"""Cells of text that a spreadsheet would compute, and how they are kept from that."""

import re

_FORMULA = re.compile(
    "'*[=+\\-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}"
    "\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}]"
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def quote_formula(text: str) -> str:
    """Puts a single quote before text that a spreadsheet would compute, as OWASP advises; numbers stay.

    Examples:
        >>> quote_formula("=1+1"), quote_formula("-0.12"), quote_formula("CNV")
        ("'=1+1", '-0.12', 'CNV')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unquote_formula(text: str) -> str:
    """Takes away the quote that ``quote_formula`` has put there."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text

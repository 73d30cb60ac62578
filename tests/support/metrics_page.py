"""The metrics of a running server."""

import re
import urllib.request


def read_page(address: str) -> str:
    """The whole page."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as page:
        return str(page.read(), "utf-8")


def read_metric(address: str, name: str) -> float:
    """One of its numbers, by the name with its labels; 0 until it is there."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", read_page(address), re.MULTILINE)
    return float(found[1]) if found else 0.0

"""The plot library in the pages is the one that its makers published, whole and of a known version."""

import hashlib
from importlib import resources

from octcluster.outputs.pages.rendering import PLOT_LIBRARY

# Version 4.1.1, as published; docs/decisions/0020-small-plotly.md says how to renew it.
DIGEST = "79542150855a52c567260e3137095dbe2b744e6d702a5cabe67da246942fba7a"


def test_plot_library_is_unchanged_and_has_its_licence() -> None:
    content = resources.files("octcluster.outputs.pages").joinpath(PLOT_LIBRARY).read_bytes()
    assert hashlib.sha256(content).hexdigest() == DIGEST
    assert b"plotly.js (cartesian - minified) v4.1.1" in content[:200]
    assert b"Licensed under the MIT license" in content[:200]


def test_plot_library_cannot_end_the_pages_script_early() -> None:
    content = resources.files("octcluster.outputs.pages").joinpath(PLOT_LIBRARY).read_text(encoding="utf-8")
    assert "</script" not in content.lower()
    assert "<!--" not in content

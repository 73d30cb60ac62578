"""The built page of the explorer belongs to its sources, and asks for nothing from elsewhere."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from machine import REPOSITORY
from octcluster.explorer import page

SOURCES = REPOSITORY / "client" / "explorer-page"
BUILT = Path(page.__file__).parent
GIVEN = ("package.json", "package-lock.json", "tsconfig.json", "build.mjs")


def digest_sources() -> str:
    """One digest of all sources, as build.mjs makes it."""
    files = [SOURCES / name for name in GIVEN] + [
        path for path in (SOURCES / "src").rglob("*") if path.is_file()
    ]
    digest = hashlib.sha256()
    for name in sorted(path.relative_to(SOURCES).as_posix() for path in files):
        content = hashlib.sha256((SOURCES / name).read_bytes()).hexdigest()
        digest.update(f"{name}\n{content}\n".encode())
    return digest.hexdigest()


def test_page_is_built_of_the_present_sources() -> None:
    script = (BUILT / "page.js").read_text()
    assert f"sources sha256 {digest_sources()} " in script[:200], "the page is stale: run scripts/page"


@pytest.mark.parametrize("name", ["page.js", "page.css", "page.html"])
def test_page_names_no_other_place(name: str) -> None:
    addresses = set(re.findall(r"\w+://[\w.-]+", (BUILT / name).read_text()))
    # Names of kinds of markup, which nobody asks for.
    assert addresses <= {"http://www.w3.org"}


def test_page_compiles_no_text() -> None:
    """The content security policy forbids it."""
    assert not re.search(r"\beval\(|\bFunction\(", (BUILT / "page.js").read_text())
    html = (BUILT / "page.html").read_text()
    assert " style=" not in html
    assert not re.search(r"<script(?![^>]* src=)|<style|\bon\w+=", html)


def test_lock_file_pins_all_and_names_no_registry() -> None:
    locked = json.loads((SOURCES / "package-lock.json").read_text())
    packages = {name: entry for name, entry in locked["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())
    given = json.loads((SOURCES / "package.json").read_text())
    wanted = {**given["dependencies"], **given["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())


def test_licences_of_what_is_in_the_page_lie_beside_it() -> None:
    text = (BUILT / "licences.txt").read_text()
    for name in json.loads((SOURCES / "package.json").read_text())["dependencies"]:
        assert re.search(rf"^{re.escape(name)} \d", text, re.MULTILINE)

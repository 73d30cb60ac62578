"""The notebook in the documents: each cell runs, in order, and shows what the text beside it says."""

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from machine import REPOSITORY

pytestmark = pytest.mark.heavy


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Runs a cell as a notebook does: the value of its last line is what it shows."""
    body = ast.parse(source).body
    last = body[-1]
    shown = ast.Expression(last.value) if isinstance(last, ast.Expr) else None
    exec(compile(ast.Module(body[:-1] if shown else body, []), "<cell>", "exec"), names)
    return None if shown is None else eval(compile(shown, "<cell>", "eval"), names)


def show(value: Any) -> str:
    """What a notebook shows of a value, as text and as HTML."""
    return f"{value!r}\n{value._repr_html_() if hasattr(value, '_repr_html_') else ''}"


def test_every_cell_runs(tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "home" / "octcluster"
    cache.parent.mkdir()
    shutil.move(cache_dir, cache)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((REPOSITORY / "docs" / "first-steps.ipynb").read_text())
    names: dict[str, Any] = {}
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    shown = {cell: run_cell(cell, names) for cell in cells}
    told = "\n".join(show(value) for value in shown.values() if value is not None)
    for text in (
        "There are 32 images in 4 classes",
        "Uneven consensus put 32 images into 4 clusters",
        "</table>",
    ):
        assert text in told
    assert shown[cells[-1]], "the vectors of a run give its clusters"
    assert names["vectors"].shape[0] == len(names["clusters"]) == 32
    assert len(names["new"].assignments) == 8
    assert Path("result/report.html").is_file()
    assert all(cell["outputs"] == [] for cell in notebook["cells"] if cell["cell_type"] == "code")

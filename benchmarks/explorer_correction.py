"""Do corrected groups become right labels, and does the history bring them back after a crash?

Runs labelled images, and does in the explorer what a person would: names each group after the class that it
stands for, moves the images that lie wrong, exports. The explorer is then killed and started again, and a
second run takes the exported labels. Prints one JSON line: the images moved, the share of exported labels
that are right, whether the state is the same after the kill, and how many images of the second run have a
label.

    .venv/bin/python benchmarks/explorer_correction.py ../shared/oct2017
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests/support"))

from explorers import Caller, running_explorer

_QUICK = ("--no-umap", "--stability", "0", "--quiet")


def run(*arguments: object) -> None:
    """``octcluster run``."""
    program = Path(sys.executable).with_name("octcluster")
    subprocess.run([str(program), "run", *map(str, arguments), *_QUICK], check=True)


def read_labels(table: Path) -> dict[str, str]:
    """The label of each image that has one."""
    with table.open(encoding="utf-8", newline="") as rows:
        return {row["image"]: row["label"] for row in csv.DictReader(rows) if row["label"]}


def correct(explorer: Caller, truth: Sequence[str]) -> int:
    """Names each group after its class, and moves what lies wrong; returns the number of images moved."""
    groups = [group["id"] for group in explorer.state()["groups"]]
    own = explorer.membership()[0]
    classes = sorted(set(truth))
    counts = np.array(
        [[np.sum((own == g) & (np.array(truth) == name)) for name in classes] for g in range(len(groups))]
    )
    class_of = {
        int(group): classes[number] for group, number in zip(*linear_sum_assignment(-counts), strict=True)
    }
    moved = 0
    for position, label in class_of.items():
        explorer.do(kind="name", group=groups[position], name=label)
    for position, label in class_of.items():
        wrong = [row for row, name in enumerate(truth) if name == label and own[row] != position]
        if wrong:
            explorer.do(kind="move", rows=wrong, group=groups[position])
            moved += len(wrong)
    return moved


def describe(explorer: Caller) -> tuple[Any, list[list[int]]]:
    """The state, and the group, flags and label of each image."""
    return explorer.state(), [column.tolist() for column in explorer.membership()]


def main() -> None:
    """Does all and prints one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder of labelled images in four classes")
    images = parser.parse_args().images.absolute()
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result"
        run(images, "--out", result)
        truth = read_labels(result / "assignments.csv")
        with running_explorer(result, "--images", images) as explorer:
            moved = correct(explorer, list(truth.values()))
            explorer.post("api/exports", {})
            before = describe(explorer)
            assert explorer.process is not None
            explorer.process.kill()
            explorer.process.wait()
        with running_explorer(result, "--images", images) as explorer:
            same = describe(explorer) == before
        exported = read_labels(result / "exports" / "labels.csv")
        run(images, "--out", Path(folder) / "next", "--labels", result / "exports" / "labels.csv")
        taken = read_labels(Path(folder) / "next" / "assignments.csv")
    line = {"question": "corrected groups as labels", "images": len(truth), "moved": moved}
    right = sum(exported.get(image) == label for image, label in truth.items())
    found = {
        "exported_accuracy": right / len(truth),
        "same_state_after_kill": same,
        "labels_taken": len(taken),
    }
    print(json.dumps({**line, **found}))


if __name__ == "__main__":
    main()

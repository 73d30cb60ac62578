"""How long does ``octcluster study`` take with the built-in matrix, and how long when it is repeated?

Runs the command twice with a cache folder of its own: on an empty cache, then again into another folder. The
local Valkey, the embedder and the clusterer start and stop each time. Prints one JSON line: seconds of
both, the highest memory of all processes together, the cells by state, and the seconds by stage of each part.

    .venv/bin/python benchmarks/study.py ../shared/oct2017
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from memory import run_followed


def measure(images: Path) -> dict[str, object]:
    """Runs the study twice and reads what it left."""
    program = str(Path(sys.executable).with_name("octcluster"))
    with tempfile.TemporaryDirectory(prefix="oct-") as folder:
        measured = {}
        for name in ("first", "repeated"):
            command = [program, "study", str(images), "--out", f"{folder}/{name}", "--quiet"]
            measured[name] = run_followed([*command, "--cache-dir", f"{folder}/cache"])
        study = json.loads((Path(folder) / "first" / "study.json").read_text())
        same = [(Path(folder) / name / "study.csv").read_bytes() for name in measured]
    parts = [part for part in study["parts"] if part["state"] == "done"]
    return {
        "question": "study",
        "images": study["images"],
        "cells": Counter(cell["state"] for cell in study["cells"]),
        "seconds": {name: round(seconds, 1) for name, (seconds, _) in measured.items()},
        "highest_mib": {name: round(mib) for name, (_, mib) in measured.items()},
        "same_table": same[0] == same[1],
        "parts": {
            f"{part['features']['name']}, {part['preparation']['name']}": {
                "embedding": round(part["seconds_by_stage"]["embedding"], 1),
                **{stage: round(value, 1) for stage, value in part["clusterer_seconds_by_stage"].items()},
            }
            for part in parts
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder of images")
    print(json.dumps(measure(parser.parse_args().images)))


if __name__ == "__main__":
    main()

"""Models that a user brings: an ONNX file, a TOML file beside it, and an embedder that is started here."""

import tomllib
from pathlib import Path
from typing import Any

from octcluster.model.errors import InvalidArguments

ENDING = ".onnx"


def is_own_model(model: str | Path) -> bool:
    """Whether a model is named by its file."""
    return str(model).lower().endswith(ENDING)


def model_fields(model: str | Path) -> dict[str, Any]:
    """The fields of ServiceOptions that say which model is used.

    Args:
        model: Its name, or its ONNX file.

    Raises:
        InvalidArguments: The file, or the TOML file beside it, is not there, or is no TOML.
    """
    if not is_own_model(model):
        return {"model": str(model)}
    path = Path(model)
    if "," in str(path.absolute()):
        raise InvalidArguments(f"--model {model}: no comma may be in its path: move or rename it")
    for file in (path, path.with_suffix(".toml")):
        if not file.is_file():
            raise InvalidArguments(
                f"--model {model}: there is no file {file}: a model of your own is an ONNX file, and a TOML "
                "file beside it that says its input size, scaling and outputs (docs/models.md)"
            )
    try:
        told = tomllib.loads(path.with_suffix(".toml").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidArguments(f"{path.with_suffix('.toml')} cannot be read as TOML: {error}") from None
    return {"model": str(told.get("name", path.stem.lower())), "model_file": path.absolute()}

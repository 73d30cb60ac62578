"""Models that the operator brings: an ONNX file, and beside it a TOML file that says how it is used.

retfound.onnx   the network, with its weights inside
retfound.toml   input size, scaling, outputs; docs/models.md lists the keys
"""

import hashlib
import json
import re
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from octcluster_embedder.errors import ModelUnavailable, SettingError
from octcluster_embedder.models.registry import MODELS, ModelSpec
from octcluster_embedder.models.weights import Weights, WeightsDescription, WeightsOptions, check_digest
from octcluster_embedder.spaces import Features, VectorPart

ENDING = ".onnx"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SIDES = (32, 2048)
_DIGITS_OF_USE = 16
_VERSION = 1
"""Version of what ``runtimes/onnx_conversion.py`` makes of the file: change it with that."""


@dataclass(frozen=True)
class OwnModel:
    """How a network is used. The fields but the first two are the keys of the TOML file.

    Attributes:
        path: The ONNX file.
        name: What it is called.
        input_side: Height and width of its input, in pixels.
        pooled: Name of the output whose values are the features ``pooled``.
        blocks: Names of the outputs that ``blocks`` puts before ``pooled``, in this order.
        layout: Order of the input's axes, and of the maps among its outputs.
        channels: Order of the colours.
        mean: What is subtracted from values 0 to 255, for each channel as the network has them.
        scale: What they are divided by then.
        tokens: Of an output of tokens, shape (1, tokens, values): ``mean`` of all, or the ``first``.
    """

    path: Path
    name: str
    input_side: int
    pooled: str
    blocks: tuple[str, ...] = ()
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    channels: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    tokens: Literal["mean", "first"] = "mean"

    def use(self) -> dict[str, Any]:
        """All that says how it is used, but for its name and place, as JSON values."""
        told = asdict(self)
        return {name: value for name, value in told.items() if name not in ("path", "name")}

    def spec(self, parts: dict[str, int] | None = None) -> "OwnSpec":
        """What is known about it as a model; once it was converted, with the sizes of its parts."""
        use = json.dumps({"version": _VERSION, **self.use()}, sort_keys=True)
        found = [VectorPart(source, dimension) for source, dimension in (parts or {}).items()]
        return OwnSpec(
            name=self.name,
            network="",
            input_side=self.input_side,
            feature_map=(0, 0, 0),
            scaling_version=f"own-{hashlib.sha256(use.encode()).hexdigest()[:_DIGITS_OF_USE]}",
            weights=None,
            late_layers=tuple(found[:-1]),
            pooled=found[-1] if found else None,
        )


@dataclass(frozen=True)
class OwnSpec(ModelSpec):
    """See ModelSpec; ``pooled`` is the last part of its vectors."""

    pooled: VectorPart | None = None

    def parts(self) -> dict[Features, tuple[VectorPart, ...]]:
        """See ModelSpec."""
        assert self.pooled is not None  # noqa: S101 - known since the conversion
        offered: dict[Features, tuple[VectorPart, ...]] = {Features.POOLED: (self.pooled,)}
        if self.late_layers:
            offered[Features.BLOCKS] = (*self.late_layers, self.pooled)
        return offered


def is_own(model: str) -> bool:
    """Whether a model is named by its file."""
    return model.lower().endswith(ENDING)


def name_of(model: str) -> str:
    """The name of a model that is named by its name or by its file."""
    return read_own_model(Path(model)).name if is_own(model) else model


def read_own_model(path: Path) -> OwnModel:
    """Reads how a network is used, from the TOML file beside it.

    Raises:
        SettingError: One of the two files is not there, or a key is wrong; the message says which.
    """
    file = path.with_suffix(".toml")
    for one in (path, file):
        if not one.is_file():
            raise SettingError(
                f"there is no file {one}: a model of your own is an ONNX file and a TOML file beside it"
            )
    try:
        told = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"{file} cannot be read as TOML: {error}") from None
    known = [field.name for field in fields(OwnModel) if field.name != "path"]
    strange = [name for name in told if name not in known]
    if strange:
        raise SettingError(f"{file}: there is no key {strange[0]!r}; there are {', '.join(known)}")
    told = {"name": path.stem.lower(), **told}
    for name, check in _CHECKS.items():
        if name in told and not check(told[name]):
            raise SettingError(f"{file}: {name} = {told[name]!r} {_CURES[name]}")
    if missing := [name for name in ("input_side", "pooled") if name not in told]:
        raise SettingError(f"{file}: the key {missing[0]} is missing: it {_CURES[missing[0]]}")
    lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
    return OwnModel(path, **(told | lists))


def find_own_weights(own: OwnModel, options: WeightsOptions) -> Weights:
    """The ONNX file by its SHA-256.

    Raises:
        ModelUnavailable: The SHA-256 is not that which is demanded.
        SettingError: Another file with weights is named.
    """
    if options.file is not None:
        raise SettingError(f"the model {own.name} has its weights in {own.path.name}: leave out --weights")
    try:
        return check_digest(own.path, options)
    except OSError as error:
        raise ModelUnavailable(f"{own.path} cannot be read ({error.strerror})") from error


def describe_own(model: str, options: WeightsOptions) -> WeightsDescription:
    """Tells whether the file of a model can be had; see ``describe_weights``."""
    own = read_own_model(Path(model))
    try:
        return WeightsDescription(own.name, find_own_weights(own, options).digest)
    except (ModelUnavailable, SettingError) as error:
        return WeightsDescription(own.name, fault=str(error))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None and value not in MODELS


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and _SIDES[0] <= value <= _SIDES[1]


def _are_numbers(value: Any) -> bool:
    numbers = isinstance(value, list) and all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in value
    )
    return numbers and len(value) == 3


_CHECKS = {
    "name": _is_name,
    "input_side": _is_side,
    "pooled": lambda value: isinstance(value, str) and value != "",
    "blocks": lambda value: isinstance(value, list) and all(isinstance(one, str) and one for one in value),
    "layout": lambda value: value in ("NCHW", "NHWC"),
    "channels": lambda value: value in ("RGB", "BGR"),
    "mean": _are_numbers,
    "scale": lambda value: _are_numbers(value) and all(each > 0 for each in value),
    "tokens": lambda value: value in ("mean", "first"),
}
_CURES = {
    "name": "must be a new name of small letters, digits, dots and hyphens, at most 64",
    "input_side": f"must be the side of the square input in pixels, {_SIDES[0]} to {_SIDES[1]}",
    "pooled": "must be the name of an output of the network",
    "blocks": "must be a list of names of outputs",
    "layout": "must be NCHW or NHWC",
    "channels": "must be RGB or BGR",
    "mean": "must be three numbers, for values 0 to 255",
    "scale": "must be three numbers above 0, for values 0 to 255",
    "tokens": "must be mean or first",
}

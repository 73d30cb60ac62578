"""Models that the operator brings: an ONNX file, and beside it a TOML file that says how it is used.

retfound.onnx   the network, with its weights inside
retfound.toml   input size, scaling, outputs; docs/models.md lists the keys
"""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
)

from octcluster_embedder.errors import ModelUnavailable, SettingError
from octcluster_embedder.models.registry import MODELS, ModelSpec
from octcluster_embedder.models.weights import Weights, WeightsDescription, WeightsOptions, check_digest
from octcluster_embedder.spaces import Features, VectorPart

ENDING = ".onnx"
_NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_SIDES = (32, 2048)
_DIGITS_OF_USE = 16
_VERSION = 1
"""Version of what ``runtimes/onnx_conversion.py`` makes of the file: change it with that."""

_OutputName = Annotated[StrictStr, Field(min_length=1)]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Positive = Annotated[_Number, Field(gt=0)]


def _check_new(name: str) -> str:
    if name in MODELS:
        raise ValueError("names another model")
    return name


class OwnModel(BaseModel):
    """How a network is used. The fields but ``path`` are the keys of the TOML file.

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

    model_config = ConfigDict(frozen=True, extra="forbid")

    # What each description says comes after the key's name, in errors.
    path: Path
    name: Annotated[StrictStr, Field(pattern=_NAME), AfterValidator(_check_new)] = Field(
        description="must be a new name of small letters, digits, dots and hyphens, at most 64"
    )
    input_side: StrictInt = Field(
        ge=_SIDES[0],
        le=_SIDES[1],
        description=f"must be the side of the square input in pixels, {_SIDES[0]} to {_SIDES[1]}",
    )
    pooled: _OutputName = Field(description="must be the name of an output of the network")
    blocks: tuple[_OutputName, ...] = Field((), description="must be a list of names of outputs")
    layout: Literal["NCHW", "NHWC"] = Field("NCHW", description="must be NCHW or NHWC")
    channels: Literal["RGB", "BGR"] = Field("RGB", description="must be RGB or BGR")
    mean: tuple[_Number, _Number, _Number] = Field(
        (0.0, 0.0, 0.0), description="must be three numbers, for values 0 to 255"
    )
    scale: tuple[_Positive, _Positive, _Positive] = Field(
        (1.0, 1.0, 1.0), description="must be three numbers above 0, for values 0 to 255"
    )
    tokens: Literal["mean", "first"] = Field("mean", description="must be mean or first")

    def use(self) -> dict[str, Any]:
        """All that says how it is used, but for its name and place, as JSON values."""
        return self.model_dump(mode="json", exclude={"path", "name"})

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
    known = [name for name in OwnModel.model_fields if name != "path"]
    if strange := [name for name in told if name not in known]:
        raise SettingError(f"{file}: there is no key {strange[0]!r}; there are {', '.join(known)}")
    told = {"name": path.stem.lower(), **told}
    try:
        return OwnModel(path=path, **told)
    except ValidationError as error:
        fault = error.errors()[0]
    name = str(fault["loc"][0])
    cure = OwnModel.model_fields[name].description
    if fault["type"] == "missing" and len(fault["loc"]) == 1:
        raise SettingError(f"{file}: the key {name} is missing: it {cure}")
    raise SettingError(f"{file}: {name} = {told[name]!r} {cure}")


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

"""What can be set, each by a flag or an environment variable, and what it is when it is not set."""

import os
from pathlib import Path
from typing import Annotated, Literal

from octcluster_serving.processors import count_processors
from octcluster_serving.settings import ExistingFile, Listen, ServerSettings, split_names
from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from octcluster_embedder.errors import SettingError

_MEBIBYTE = 2**20
# What a message holds besides one image: its id, its length, the model's name.
_BYTES_BESIDE_AN_IMAGE = 4096


def _check_models(names: tuple[str, ...]) -> tuple[str, ...]:
    # Imported here: it brings NumPy and Pillow, which a health check every few seconds does without.
    from octcluster_embedder.models.own_model import is_own, name_of  # noqa: PLC0415
    from octcluster_embedder.models.registry import MODELS  # noqa: PLC0415

    unknown = [name for name in names if name not in MODELS and not is_own(name)]
    if unknown or not names:
        raise ValueError(
            f"{', '.join(map(repr, unknown)) or 'nothing'} is no model; there are {', '.join(MODELS)}, and "
            "ONNX files"
        )
    try:
        called = [name_of(name) for name in names]
    except SettingError as error:
        raise ValueError(str(error)) from None
    if len(set(called)) < len(called):
        raise ValueError("names a model twice")
    return names


def _has_network(model: str) -> bool:
    from octcluster_embedder.models.registry import MODELS  # noqa: PLC0415

    return model not in MODELS or MODELS[model].weights is not None


def _check_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise ValueError("is no folder")
    return folder


def _default_cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "octcluster" / "models"


def _default_keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


class Settings(ServerSettings):
    """Turns OCT images into feature vectors of pretrained networks, over gRPC.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = SettingsConfigDict(
        cli_prog_name="octcluster-embedder", env_prefix="OCTCLUSTER_EMBEDDER_", validate_default=False
    )

    listen: Listen = "127.0.0.1:50051"
    models: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(split_names), AfterValidator(_check_models)
    ] = Field(
        ("efficientnet-lite0",),
        description="Models to serve, separated by commas or each with its flag; the first is the default. "
        "One of your own is an ONNX file with a TOML file beside it",
    )
    weights: ExistingFile | None = Field(
        None,
        description="File with the model's weights, instead of those that it comes with or downloads; needs "
        "exactly one model",
    )
    weights_sha256: str | None = Field(
        None,
        pattern=r"^[0-9a-fA-F]{64}$",
        description="What the SHA-256 of the weights must be, 64 hexadecimal digits; needs exactly one model",
    )
    runtime: Literal["auto", "openvino", "jax"] = Field(
        "auto", description="What computes; auto: jax where it sees a GPU, else openvino"
    )
    precision: Literal["float32", "bfloat16", "int8", "mixed-bfloat16", "mixed-float16"] = Field(
        "float32",
        description="What networks compute in; bfloat16 and int8 are faster with OpenVINO on processors that "
        "have them, the mixed ones with JAX on GPUs; their vectors differ and are cached apart",
    )
    calibration_images: Annotated[Path, AfterValidator(_check_folder)] | None = Field(
        None,
        description="Folder of some 64 scans like those to embed, for --precision int8: they tell it the "
        "ranges of values to round, and are not stored. octcluster phantoms makes some",
    )
    cache_dir: Path = Field(
        _default_cache_dir(), description="Folder for converted and compiled models, made if need be"
    )
    keras_home: Path = Field(
        _default_keras_home(),
        description="Folder of Keras: published weights are looked for, and downloaded to, models/ in it",
    )
    max_image_bytes: int = Field(32 * _MEBIBYTE, ge=1, description="Largest encoded image, in bytes")
    max_image_pixels: int = Field(
        64_000_000, ge=16 * 16, description="Largest decoded image, width x height, in pixels"
    )
    max_images_per_request: int = Field(64, ge=1, description="Most images in one request")
    max_queued_images: int = Field(
        1024,
        ge=1,
        description="Most images of all calls that wait or are in work: further requests are refused and told"
        " when to retry; must hold 4 largest requests",
    )
    max_queued_bytes: int = Field(
        256 * _MEBIBYTE, ge=1, description="The same in encoded bytes; must hold 4 largest messages"
    )
    decode_threads: int = Field(
        count_processors(), ge=1, le=1024, description="Images decoded at a time; one a processor unless set"
    )
    prepare_only: bool = Field(
        False, description="Convert the models into the cache and exit; for building container images"
    )
    check_weights: bool = Field(
        False,
        description="Start nothing: print, one JSON object a line, for each of --models the SHA-256 of its "
        "weights, or why it has none on this machine and whether a start downloads them; downloads nothing",
    )

    @property
    def starts_server(self) -> bool:
        """Whether the program is to serve, and not to do something else and end."""
        return super().starts_server and not self.check_weights and not self.prepare_only

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        for flag, value in (("--weights", self.weights), ("--weights-sha256", self.weights_sha256)):
            if value is not None and len(self.models) != 1:
                raise ValueError(f"{flag} needs exactly one model, and --models names {len(self.models)}")
        if self.max_message_bytes < self.max_image_bytes + _BYTES_BESIDE_AN_IMAGE:
            raise ValueError(
                f"--max-message-bytes ({self.max_message_bytes:,}) must hold one image of --max-image-bytes "
                f"({self.max_image_bytes:,}) and {_BYTES_BESIDE_AN_IMAGE:,} bytes around it"
            )
        if (self.precision == "int8") != (self.calibration_images is not None):
            raise ValueError("--precision int8 needs --calibration-images, and nothing else does")
        if self.precision != "float32" and not any(map(_has_network, self.models)):
            raise ValueError(
                f"--precision is for networks, and {', '.join(self.models)} has none: leave it out"
            )
        self._check_queue()
        return self

    def _check_queue(self) -> None:
        # A quarter of the queue is what large requests leave to small ones.
        if self.max_queued_images < 4 * self.max_images_per_request:
            raise ValueError(
                f"--max-queued-images ({self.max_queued_images:,}) must be at least 4 times "
                f"--max-images-per-request ({self.max_images_per_request:,})"
            )
        if self.max_queued_bytes < 4 * self.max_message_bytes:
            raise ValueError(
                f"--max-queued-bytes ({self.max_queued_bytes:,}) must be at least 4 times "
                f"--max-message-bytes ({self.max_message_bytes:,})"
            )

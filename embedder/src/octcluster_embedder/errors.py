"""Everything that can go wrong in the embedder, and what becomes of it.

    EmbedderError
    ├── SettingError            a flag or variable is wrong: correct it       → exit code 2
    ├── ModelUnavailable        weights or model cannot be had at the start   → exit code 1
    │   └── WeightsAbsent       published weights are not here: download them → exit code 1
    ├── InvalidRequest          the request breaks a rule: correct it         → INVALID_ARGUMENT
    │   └── UnknownModel        this server does not serve that model         → INVALID_ARGUMENT
    ├── NotServing              the model loads, or the server stops          → UNAVAILABLE
    ├── Overloaded              the queue is full: retry later                → RESOURCE_EXHAUSTED
    ├── TooLate                 the deadline is past, or cannot be met        → DEADLINE_EXCEEDED
    └── ItemError               one image has no vector; the others have      → the item's EmbedError
        ├── ImageError          the image is to blame
        │   ├── EmptyImage          no bytes                                  → EMPTY
        │   ├── TooManyBytes        larger than the limit, encoded            → TOO_MANY_BYTES
        │   ├── TooManyPixels       larger than the limit, decoded            → TOO_MANY_PIXELS
        │   ├── TooSmall            a side is too short                       → TOO_SMALL
        │   ├── UnsupportedFormat   no image, or a kind that is not taken     → UNSUPPORTED_FORMAT
        │   └── CorruptImage        damaged, for example truncated            → CORRUPT
        └── InferenceFailed     the server is to blame                        → INTERNAL

Messages reach people: they say what to do next, and name no patient, no file of a client and no path of the
server. Only ModelUnavailable and SettingError, which never leave the server's console, may name its files.
"""

from enum import StrEnum
from typing import ClassVar, Self


class ItemErrorCode(StrEnum):
    """What was wrong with one image, for programs and logs."""

    EMPTY = "empty"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    UNSUPPORTED_FORMAT = "unsupported_format"
    CORRUPT = "corrupt"
    INTERNAL = "internal"


class EmbedderError(Exception):
    """Base of all errors of the embedder."""


class SettingError(EmbedderError):
    """A setting has a bad value; the message names its flag."""

    exit_code = 2


class ModelUnavailable(EmbedderError):
    """A model cannot be loaded; the message says what to do."""

    exit_code = 1


class WeightsAbsent(ModelUnavailable):
    """Published weights are not on this machine; a server that starts downloads them."""


class InvalidRequest(EmbedderError):
    """The request breaks a rule of the contract."""


class UnknownModel(InvalidRequest):
    """The server does not serve the model that was asked for."""


class NotServing(EmbedderError):
    """The server does not take requests now: it still loads its model, or it stops."""


class Overloaded(EmbedderError):
    """The queue is full.

    Attributes:
        retry_after_seconds: When to retry, by the measured pace.
    """

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TooLate(EmbedderError):
    """The call's deadline has passed, or cannot be met."""


class ItemError(EmbedderError):
    """One image has no vector.

    Attributes:
        code: What was wrong, for programs and logs.
    """

    code: ClassVar[ItemErrorCode]

    def bare(self) -> Self:
        """Returns it without its cause and its traceback, whose frames hold the image and the whole call."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


class ImageError(ItemError):
    """The image itself is to blame; sending it again does not help."""


class EmptyImage(ImageError):
    """The image has no bytes."""

    code = ItemErrorCode.EMPTY


class TooManyBytes(ImageError):
    """The encoded image is larger than the limit."""

    code = ItemErrorCode.TOO_MANY_BYTES


class TooManyPixels(ImageError):
    """The decoded image would be larger than the limit."""

    code = ItemErrorCode.TOO_MANY_PIXELS


class TooSmall(ImageError):
    """A side of the image is shorter than the limit."""

    code = ItemErrorCode.TOO_SMALL


class UnsupportedFormat(ImageError):
    """The bytes are no image, or one in a format or pixel type that is not taken."""

    code = ItemErrorCode.UNSUPPORTED_FORMAT


class CorruptImage(ImageError):
    """The image is damaged, for example truncated."""

    code = ItemErrorCode.CORRUPT


class InferenceFailed(ItemError):
    """The forward pass failed; the image may be good."""

    code = ItemErrorCode.INTERNAL

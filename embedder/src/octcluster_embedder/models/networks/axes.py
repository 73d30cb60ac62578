"""Where the channels of images and maps lie: last in JAX, first in OpenVINO, as ``keras.config`` says."""

import keras


def channels_first() -> bool:
    """Whether the channels come before height and width."""
    return bool(keras.config.image_data_format() == "channels_first")


def channel_axis() -> int:
    """The axis of the channels in a batch."""
    return 1 if channels_first() else -1


def image_shape(side: int) -> tuple[int, int, int]:
    """The shape of one square image."""
    return (3, side, side) if channels_first() else (side, side, 3)

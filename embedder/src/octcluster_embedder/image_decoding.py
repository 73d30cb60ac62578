"""From an encoded image to pixels of the network's size."""

DECODING_VERSION = "pillow-bilinear-1"

"""Keras for all files of this folder, in one process: it reads its backend's name once, at its import."""

import os

os.environ["KERAS_BACKEND"] = "jax"

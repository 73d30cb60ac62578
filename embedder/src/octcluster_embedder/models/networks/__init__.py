"""The networks in Keras, one file a family.

Each file has one function that ``models/graph.py`` calls::

    build_network(spec: ModelSpec, weights: Path | None) -> keras.Model

The network returned takes float32 images, RGB 0 to 255, and scales them itself. Its outputs are a list: the
maps of the layers in ``spec.late_layers``, in that order, then the last map, shape ``spec.feature_map``.
There is no classification head. ``weights`` is a file that the family can read, or None for random weights;
a file that does not fit raises ValueError.
"""

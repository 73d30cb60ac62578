"""Which models there are and where their weights come from. Nothing here knows how a model is run.

A new model is one entry in ``registry.py``. If its network is a new one too, write it as one file in
``networks/`` and name that file in the entry; ``networks/__init__.py`` says what the file must offer. The way
of a model:

    registry    what is known without building it: input size, scaling, last map, source of the weights
    weights     finds the weights file (package, Keras's cache, download, --weights FILE) and its SHA-256
    networks/   the networks in Keras, one file a family; imported only when a model must be built
    graph       network + features: one Keras model from uint8 images to ``pooled``, ``flatten``, ``blocks``
    torch_file  reads the tensors of a PyTorch file without PyTorch and without running anything in it
"""

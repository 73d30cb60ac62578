"""A study that takes seconds; one of its models has no weights on a machine without internet."""

MATRIX = """
[features.pixels]
model = "pixels"
features = "pixels"

[features.vgg16]
model = "vgg16"

[preparations.reduced]
l2_normalize = false
pca = 0.95

[[experiments]]
features = ["pixels", "vgg16"]
preparations = ["reduced"]
algorithms = ["kmeans", "agglomerative"]
k = "2:4"
"""

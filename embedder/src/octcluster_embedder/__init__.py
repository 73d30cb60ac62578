"""Turns encoded retinal OCT images into feature vectors of pretrained networks, over gRPC."""

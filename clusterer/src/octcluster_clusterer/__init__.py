"""Caches feature vectors in Redis, clusters them and scores the clusters, over gRPC."""

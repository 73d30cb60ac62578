"""Puts other vectors into the clusters of a finished run."""

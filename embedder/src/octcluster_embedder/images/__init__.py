"""Encoded images in, pixels and measures out."""

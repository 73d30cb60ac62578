"""Builds the gateway and serves it."""

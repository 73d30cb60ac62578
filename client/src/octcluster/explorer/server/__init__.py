"""The explorer by HTTP, on this machine alone: one file a family of routes."""

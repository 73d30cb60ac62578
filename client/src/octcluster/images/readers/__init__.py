"""Readers of source files that hold scans: one file a format, all with the methods of ``reader.Reader``."""

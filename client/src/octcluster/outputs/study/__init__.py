"""The files of ``octcluster study``."""

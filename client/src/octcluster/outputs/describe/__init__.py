"""The files of ``octcluster describe``."""

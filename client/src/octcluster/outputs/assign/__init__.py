"""The files of ``octcluster assign``."""

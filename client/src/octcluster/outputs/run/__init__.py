"""The files of ``octcluster run``, one module a file."""

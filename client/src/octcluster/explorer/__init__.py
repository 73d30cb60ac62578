"""The work of ``octcluster explore``: to look at a finished run, to name its groups and to correct them."""

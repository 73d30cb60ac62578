"""The arguments of each command, and its help."""

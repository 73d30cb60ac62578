"""The files that the commands leave: a folder for each command, whose ``files.py`` writes them."""

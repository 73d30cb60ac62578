"""The command ``octcluster``: arguments in, calls of workflows and outputs, words on the terminal out."""

"""Image files: which there are, whose they are, what their headers and pixels tell."""

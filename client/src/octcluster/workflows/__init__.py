"""Whole jobs, from images to results; each is made of calls to the two clients."""

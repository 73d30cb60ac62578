"""Sentences and names that several outputs share."""

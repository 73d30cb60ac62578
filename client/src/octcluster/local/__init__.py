"""Servers on this machine, started for one job."""

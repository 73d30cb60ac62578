"""Pseudonyms of patients and UIDs, and who is behind them."""

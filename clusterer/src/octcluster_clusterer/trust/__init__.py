"""How far to trust what a run found: one file a question."""

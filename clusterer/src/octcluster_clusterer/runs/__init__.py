"""A run from its request to its record: rules, queue, steps, storage."""

"""From a request's images to their vectors: rules, room, turns, batches."""

"""From a request's images to their vectors: rules, admission, scheduling, batches."""

"""What the client's parts speak of, as plain data: imports nothing else of octcluster."""

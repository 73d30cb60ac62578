"""The two services from a caller's side: the only folder that knows gRPC."""

"""The service as gRPC sees it: limits, conversions, health."""

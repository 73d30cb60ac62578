"""The gRPC contracts of octcluster as Python stubs; made by scripts/protos from the .proto files."""

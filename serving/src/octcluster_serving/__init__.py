"""The shell of a gRPC service: settings, TLS, health, errors, logs, metrics, traces and an orderly end."""

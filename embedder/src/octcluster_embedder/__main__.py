"""Starts the embedder: ``octcluster-embedder`` or ``python -m octcluster_embedder``."""

import asyncio
import json
import logging
import os
import sys

from octcluster_embedder.errors import ModelUnavailable, SettingError
from octcluster_embedder.settings import load_settings

# The heavy libraries are imported only when the server is to start: a bad setting is told at once, and a
# health check every few seconds costs little.
# ruff: noqa: PLC0415


def main() -> int:
    """Runs the server until it is asked to stop, or does what else it was asked; returns the exit code."""
    settings = load_settings()
    if settings.check_health:
        from octcluster_embedder.serving.health import ask_health

        fault = ask_health(settings.listen, settings.tls_cert, settings.tls_key)
        print(fault or "serving", file=sys.stderr if fault else sys.stdout)
        return 1 if fault else 0

    if settings.check_weights:
        from octcluster_embedder.models.registry import find_model
        from octcluster_embedder.models.weights import WeightsOptions, describe_weights

        options = WeightsOptions(
            settings.weights, settings.weights_sha256, settings.keras_home, download=False
        )
        for described in describe_weights([find_model(name) for name in settings.models], options):
            print(json.dumps(described))
        return 0

    if settings.log_format == "json":
        # gRPC would log each handshake that fails as text; it reads this when it is imported.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import uvloop

    from octcluster_embedder.serving.logs import set_up_logs

    set_up_logs(settings.log_level, settings.log_format)
    from octcluster_embedder.serving.server import CannotListen, load_runtimes, serve

    try:
        if settings.prepare_only:
            load_runtimes(settings)
            return 0
        # uvloop takes half a millisecond less for a call than asyncio's own loop.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            loaded = runner.run(serve(settings))
    except (CannotListen, ModelUnavailable) as error:
        print(f"octcluster-embedder: {error}", file=sys.stderr)
        return 1
    except SettingError as error:
        print(f"octcluster-embedder: {error}", file=sys.stderr)
        return 2
    if not loaded:
        # A model that is still loading cannot be interrupted: at an ordinary exit its thread may crash.
        logging.shutdown()
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())

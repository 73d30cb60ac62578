"""Starts the embedder: ``octcluster-embedder`` or ``python -m octcluster_embedder``."""

import asyncio
import json
import logging
import os
import sys
from dataclasses import asdict

from octcluster_serving.errors import ServingError
from octcluster_serving.starting import kept_imports

from octcluster_embedder.errors import ModelUnavailable, SettingError

# The heavy libraries are imported only when the server is to start: a bad setting is told at once, and a
# health check every few seconds costs little.
# ruff: noqa: PLC0415


def main() -> int:
    """Runs the server until it is asked to stop, or does what else it was asked; returns the exit code."""
    with kept_imports():
        from octcluster_embedder.settings import Settings

    settings = Settings.load()
    if settings.check_health:
        with kept_imports():
            from octcluster_serving.health import check_health

            from octcluster_embedder.serving.service import EMBEDDER

        return check_health(EMBEDDER, settings)

    if settings.check_weights:
        from octcluster_embedder.models.own_model import describe_own, is_own
        from octcluster_embedder.models.registry import find_model
        from octcluster_embedder.models.weights import WeightsOptions, describe_weights

        options = WeightsOptions(settings.weights, settings.weights_sha256, settings.keras_home)
        for name in settings.models:
            found = (
                describe_own(name, options) if is_own(name) else describe_weights(find_model(name), options)
            )
            print(json.dumps(asdict(found)))
        return 0

    from octcluster_serving.logs import set_up_logs

    # Pillow describes broken images in warnings and, at the level debug, in its log: that is user content.
    set_up_logs(settings.log_level, settings.log_format, silent=["PIL"])
    # Threads of OpenBLAS would spin for 0.1 s when NumPy starts them: they sleep after 2**16 cycles.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "16")
    with kept_imports():
        import uvloop

        from octcluster_embedder.serving.server import load_runtimes, serve

    try:
        if settings.prepare_only:
            load_runtimes(settings)
            return 0
        # uvloop takes half a millisecond less for a call than asyncio's own loop.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            loaded = runner.run(serve(settings))
    except (ServingError, ModelUnavailable, SettingError) as error:
        print(f"octcluster-embedder: {error}", file=sys.stderr)
        return error.exit_code
    if not loaded:
        # A model that is still loading cannot be interrupted: at an ordinary exit its thread may crash.
        logging.shutdown()
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Builds the embedder and serves it: loading in the background, and an orderly end."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from octcluster_protos.embedder.v1.embedder_pb2_grpc import add_EmbedderServiceServicer_to_server
from octcluster_serving.server import RunningServer, running_server, wait_for_signal

from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.models.own_model import name_of
from octcluster_embedder.models.weights import WeightsOptions
from octcluster_embedder.queueing.embedding import Embedder
from octcluster_embedder.queueing.requests import ServiceLimits
from octcluster_embedder.runtimes.loading import explain_choice, load_runtime
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.serving.service import EMBEDDER
from octcluster_embedder.serving.servicer import EmbedderServicer
from octcluster_embedder.settings import Settings
from octcluster_embedder.spaces import Precision

_logger = logging.getLogger(__name__)


def load_runtimes(settings: Settings) -> list[Runtime]:
    """Loads the models that the settings name, each in its runtime, converting them if need be.

    Raises:
        SettingError: A setting names nothing that there is.
        ModelUnavailable: A model's weights cannot be had.
    """
    weights = WeightsOptions(settings.weights, settings.weights_sha256, settings.keras_home)
    precision = Precision(settings.precision)
    return [
        load_runtime(
            settings.runtime,
            model,
            weights,
            settings.cache_dir,
            precision,
            calibration_images=settings.calibration_images,
        )
        for model in settings.models
    ]


async def serve(settings: Settings) -> bool:
    """Serves until SIGTERM or SIGINT, then finishes what it accepted.

    Returns:
        Whether the models were loaded before the end came.

    Raises:
        ServingError: The server cannot start: see ``running_server``.
        SettingError: A setting names nothing that there is.
        ModelUnavailable: A model's weights cannot be had.
    """
    metrics = Metrics()
    embedder = Embedder(_limits(settings), settings.decode_threads, metrics)
    explain_runtime = partial(explain_choice, settings.runtime, settings.models[0])
    servicer = EmbedderServicer(embedder, EMBEDDER.version, metrics, explain_runtime)
    add_servicer = partial(add_EmbedderServiceServicer_to_server, servicer)
    try:
        async with running_server(EMBEDDER, settings, metrics, add_servicer) as server:
            return await _load_and_serve(settings, embedder, server)
    finally:
        await embedder.close()


async def _load_and_serve(settings: Settings, embedder: Embedder, server: RunningServer) -> bool:
    stopping = asyncio.create_task(wait_for_signal())
    started = time.monotonic()
    loading = _run_in_background(lambda: _load_warm_runtimes(settings))
    _logger.info("loading %s", ", ".join(map(name_of, settings.models)))
    await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
    loaded = loading.done()
    if loaded:
        embedder.open(loading.result(), lambda model: _reload(settings, model), server.tell_serving)
        await server.tell_serving(True)
        served = ", ".join(f"{r.model} on {r.name} ({r.device})" for r in embedder.runtimes)
        _logger.info("serving %s after %.1f s of loading", served, time.monotonic() - started)
        await stopping
    await server.tell_stopping(settings.grace_seconds)
    if n_unanswered := await embedder.stop(settings.grace_seconds):
        _logger.warning("%d accepted images got no answer in time", n_unanswered)
    return loaded


def _limits(settings: Settings) -> ServiceLimits:
    return ServiceLimits(
        image=ImageLimits(settings.max_image_bytes, settings.max_image_pixels),
        max_images_per_request=settings.max_images_per_request,
        max_message_bytes=settings.max_message_bytes,
        max_queued_images=settings.max_queued_images,
        max_queued_bytes=settings.max_queued_bytes,
    )


def _load_warm_runtimes(settings: Settings) -> list[Runtime]:
    """Loads the models and makes an inference with each: the first is slow."""
    runtimes = load_runtimes(settings)
    for runtime in runtimes:
        blank = np.zeros((1, runtime.input_height, runtime.input_width, 3), np.uint8)
        runtime.infer(blank, next(iter(runtime.spaces)))
    return runtimes


def _reload(settings: Settings, model: str) -> Runtime:
    """Loads one of the models again, in place of a runtime that died."""
    own = next((one for one in settings.models if name_of(one) == model), model)
    return _load_warm_runtimes(settings.model_copy(update={"models": (own,)}))[0]


def _run_in_background(function: Callable[[], Sequence[Runtime]]) -> asyncio.Future[Sequence[Runtime]]:
    """Runs a function in a thread that does not hold up the process's end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Sequence[Runtime]] = loop.create_future()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:
            loop.call_soon_threadsafe(future.set_exception, error)
        else:
            loop.call_soon_threadsafe(future.set_result, result)

    threading.Thread(target=run, name="loading", daemon=True).start()
    return future

"""What a client does on a connection is what a server allows there: neither imports the other."""

import inspect
from typing import Any

from octcluster import AsyncEmbedderClient, EmbedderClient
from octcluster.clients import connection
from octcluster.images import headers
from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.settings import Settings
from octcluster_serving import server

OPTIONS: dict[str, Any] = dict(connection._CHANNEL_OPTIONS)


def test_clients_ping_no_more_often_than_servers_allow() -> None:
    assert OPTIONS["grpc.keepalive_time_ms"] >= server.SHORTEST_PING_INTERVAL_MS


def test_a_connection_that_is_too_old_outlives_the_calls_on_it() -> None:
    for client in (EmbedderClient, AsyncEmbedderClient):
        timeout_seconds = inspect.signature(client).parameters["timeout_seconds"].default
        assert timeout_seconds * 1000 < server.CONNECTION_AGE_GRACE_MS


def test_a_clients_calls_fit_on_one_connection() -> None:
    concurrent = inspect.signature(EmbedderClient).parameters["concurrent_requests"].default
    assert concurrent < Settings.load([]).max_streams_per_connection < server.MAX_CALLS_AT_ONCE


def test_images_are_described_by_the_limits_of_an_embedder_that_was_set_to_none() -> None:
    limits = ImageLimits()
    assert (limits.max_image_bytes, limits.max_image_pixels, limits.min_image_side) == (
        headers.MAX_BYTES,
        headers.MAX_PIXELS,
        headers.MIN_SIDE,
    )

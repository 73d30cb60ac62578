"""Whole jobs against services that let in only whom they know: mutual TLS, and tokens with names."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import machine
import pytest
from certificates import Certificates, make_certificates
from octcluster import (
    AccessDenied,
    AssignOptions,
    ClustererClient,
    ConnectionNotSecure,
    FinishedRun,
    ImageSet,
    Recipe,
    RunNotFound,
    RunOptions,
    RunState,
    Tls,
    assign_images,
    run_images,
)
from octcluster.model.recipes import PIXELS_1
from processes import free_port, running_server
from stores import Store

from .conftest import Recorder

TOKEN = "0123456789abcdef-token"


@dataclass(frozen=True)
class Guarded:
    """Two services, and what lets clients in."""

    own: RunOptions
    certificates: Certificates
    strangers: Certificates


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, store: Store, model_cache: Path) -> Iterator[Guarded]:
    machine.need(machine.openssl(), "openssl", "install it")
    folder = tmp_path_factory.mktemp("guarded")
    certificates, strangers = make_certificates(folder / "own"), make_certificates(folder / "strangers")
    tokens = folder / "tokens"
    tokens.write_text(f"clinic:{TOKEN}-clinic\nstudy:{TOKEN}-study\n")
    tokens.chmod(0o600)
    pair = certificates.server
    guard = ["--tls-cert", str(pair.cert), "--tls-key", str(pair.key), "--token-file", str(tokens)]
    guard += ["--tls-client-ca", str(certificates.ca)]
    embedder_flags = [*guard, "--cache-dir", str(model_cache), "--models", "pixels"]
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    with (
        running_server("octcluster_embedder", addresses[0], *embedder_flags) as embedder,
        running_server("octcluster_clusterer", addresses[1], "--redis-url", store.url, *guard) as clusterer,
    ):
        tls = Tls(certificates.ca, certificates.client.cert, certificates.client.key)
        own = RunOptions(
            model="pixels",
            recipe=PIXELS_1,
            embedder=embedder.address,
            embedder_tls=tls,
            embedder_token=f"{TOKEN}-clinic",
            clusterer=clusterer.address,
            clusterer_tls=tls,
            clusterer_token=f"{TOKEN}-clinic",
            key_secret=os.urandom(16),
            stability_resamples=0,
            umap=False,
        )
        yield Guarded(own, certificates, strangers)


def test_who_is_known_gets_a_result_and_nobody_else_gets_its_run(
    guarded: Guarded, image_set: ImageSet, recorder: Recorder
) -> None:
    outcome = run_images(image_set, guarded.own, recorder)
    assert len(outcome.members) == len(image_set.images)
    own = guarded.own
    names = (
        "model",
        "embedder",
        "embedder_tls",
        "embedder_token",
        "clusterer",
        "clusterer_tls",
        "key_secret",
    )
    shared = {name: getattr(own, name) for name in names}
    finished = FinishedRun(outcome.spec.run_id)
    ours = AssignOptions(clusterer_token=own.clusterer_token, **shared)
    assert len(assign_images(finished, image_set, ours, recorder).placements.clusters) == 40
    theirs = replace(ours, clusterer_token=f"{TOKEN}-study")
    with pytest.raises(RunNotFound) as failure:
        assign_images(finished, image_set, theirs, recorder)
    assert failure.value.code == "NOT_FOUND"


@pytest.mark.parametrize("service", ["embedder", "clusterer"])
@pytest.mark.parametrize("lacks", ["all", "certificate", "right certificate", "token", "right token"])
def test_who_is_not_known_is_told_at_once_how_to_be(
    guarded: Guarded, image_set: ImageSet, recorder: Recorder, service: str, lacks: str
) -> None:
    strange = guarded.strangers.client
    tls = {
        "all": None,
        "certificate": Tls(guarded.certificates.ca),
        "right certificate": Tls(guarded.certificates.ca, strange.cert, strange.key),
    }
    token = {"all": None, "token": None, "right token": "f" * 32}
    changed: dict[str, Any] = {
        f"{service}_tls": tls.get(lacks, guarded.own.clusterer_tls),
        f"{service}_token": token.get(lacks, guarded.own.clusterer_token),
    }
    options = replace(guarded.own, **changed)
    flag = {"all": "tls-ca", "token": "token-file", "right token": "token-file"}.get(lacks, "tls-cert")
    with pytest.raises((AccessDenied, ConnectionNotSecure), match=f"--{service}-{flag}") as failure:
        run_images(image_set, options, recorder)
    assert failure.value.code == ("UNAVAILABLE" if lacks == "all" else "UNAUTHENTICATED")
    assert recorder.messages == [], "it waits for nothing"


def test_an_interrupted_run_is_cancelled_there_too(
    guarded: Guarded, image_set: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octcluster.workflows.services._CANCEL_SECONDS", 30)

    class Impatient(Recorder):
        def stage(self, name: str, total: int, unit: str) -> None:
            super().stage(name, total, unit)
            if name in ("Loading", "Preparing", "Clustering"):
                raise KeyboardInterrupt

    slow = Recipe(features="pixels", algorithms=("spectral", "gmm", "agglomerative"))
    options = replace(guarded.own, recipe=slow, min_clusters=2, max_clusters=39)
    own = options.clusterer_tls
    with ClustererClient(str(options.clusterer), tls=own, token=options.clusterer_token) as client:
        before = {run.run_id for run in client.list_runs()}
        with pytest.raises(KeyboardInterrupt):
            run_images(image_set, options, Impatient())
        (run,) = [run for run in client.list_runs() if run.run_id not in before]
        assert list(client.watch(run.run_id))[-1].state is RunState.CANCELLED

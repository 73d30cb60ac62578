"""Why a service of a run has ended."""

from pathlib import Path

from octcluster.local.failures import explain_end

ENDED = "that was started for this run has ended"
NO_DUMP = Path("/no/such/folder/vectors.rdb")


def test_the_reason_that_a_service_gives_goes_first_and_alone() -> None:
    log = "12:00 loading vgg16\noctcluster-embedder: cannot download the weights: put them here"
    assert (
        explain_end("embedder", log, NO_DUMP)
        == f"the embedder {ENDED}: cannot download the weights: put them here"
    )


def test_without_a_reason_the_log_follows_what_may_have_been() -> None:
    told = explain_end("valkey", "loading\nKilled", NO_DUMP)
    assert told.startswith(f"the valkey {ENDED}; if memory or disk space is short")
    assert told.endswith("The end of its log:\nloading\nKilled")
    early = explain_end("clusterer", "octcluster-clusterer: a warning\nKilled", NO_DUMP)
    assert early.startswith(f"the clusterer {ENDED}; if memory is short")
    assert "memory is short" in explain_end("clusterer", "", NO_DUMP)

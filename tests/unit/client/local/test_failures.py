"""Why a service of a run has ended."""

from octcluster.local.failures import explain_end

ENDED = "that was started for this run has ended"


def test_the_reason_that_a_service_gives_goes_first_and_alone() -> None:
    log = "12:00 loading vgg16\noctcluster-embedder: cannot download the weights: put them here"
    assert (
        explain_end("embedder", log, "/cache")
        == f"the embedder {ENDED}: cannot download the weights: put them here"
    )


def test_without_a_reason_the_log_follows_what_may_have_been() -> None:
    told = explain_end("valkey", "loading\nFatal error loading the DB", "/cache")
    assert told.startswith(f"the valkey {ENDED}; if its files are damaged, delete /cache/vectors")
    assert told.endswith("The end of its log:\nloading\nFatal error loading the DB")
    early = explain_end("clusterer", "octcluster-clusterer: a warning\nKilled", "/cache")
    assert early.startswith(f"the clusterer {ENDED}; if memory is short")
    assert "memory is short" in explain_end("clusterer", "", "/cache")

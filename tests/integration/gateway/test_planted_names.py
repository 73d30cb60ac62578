"""Names, ids, dates and UIDs of a header reach no service, no log, no metric and no result."""

import urllib.request
from collections.abc import Callable
from pathlib import Path

from dicom_files import Element, make_frames, write_opt
from dicom_senders import read_acknowledged, storescu
from gateways import Gateway
from octcluster_gateway.model import State
from processes import Server, free_port
from recording_relay import recording_relay
from redis import Redis
from stores import Store

NAME, DAY, UID = "CANARYBIRD", "19310213", "1.2.826.0.1.3680043.10.511.77123"
_TEXTS = {
    "PN": f"{NAME}^Jane",
    **dict.fromkeys(("LO", "LT", "ST", "UT"), f"{NAME} {DAY}"),
    **dict.fromkeys(("SH", "CS", "AE"), NAME),
    "DA": DAY,
    "DT": f"{DAY}101112",
    "UI": f"{UID}.9",
}
# Elements of each kind that the readers do not need: they name people, places, days, devices and procedures.
_PLANTED = {
    "PN": (0x00080090, 0x00081048, 0x00081050, 0x00081060, 0x00081070, 0x00100010, 0x00101001, 0x00321032),
    "LO": (0x00080080, 0x00081030, 0x0008103E, 0x00081040, 0x00100020, 0x00100021, 0x00101000, 0x00181000),
    "SH": (0x00080050, 0x00081010, 0x00102160, 0x00102180, 0x00200010, 0x00400253),
    "LT": (0x00104000, 0x001021B0, 0x00204000, 0x00380040),
    "ST": (0x00080081, 0x00082111, 0x00400280),
    "DA": (0x00080020, 0x00080021, 0x00080022, 0x00080023, 0x00100030, 0x00400244),
    "DT": (0x0008002A, 0x00404005),
    "AE": (0x00080054, 0x00400241),
    "UT": (0x0040A160,),
}


def plant(number: int, more: dict[int, Element | None] | None = None) -> dict[int, Element | None]:
    """What is changed in the header of an object: planted words in text, private elements and a sequence."""
    changes: dict[int, Element | None] = {
        tag: (vr, _TEXTS[vr]) for vr, tags in _PLANTED.items() for tag in tags
    }
    changes |= {0x00110010: ("LO", NAME)}
    changes |= {0x00111000 + place: (vr, text) for place, (vr, text) in enumerate(_TEXTS.items(), 1)}
    changes |= {0x00081111: ("SQ", [{0x00081155: ("UI", f"{UID}.8"), 0x00100010: ("PN", _TEXTS["PN"])}])}
    changes |= {0x00080018: ("UI", f"{UID}.{number}"), 0x0020000D: ("UI", f"{UID}.1.1")}
    return changes | {0x0020000E: ("UI", f"{UID}.1.2"), 0x00200052: ("UI", f"{UID}.1.3")} | (more or {})


def read_store(url: str) -> bytes:
    """Everything that the store holds, as its own dump of each key."""
    with Redis.from_url(url) as redis:
        return b"".join(key + bytes(redis.dump(key) or b"") for key in redis.scan_iter())


def test_planted_words_stay_in_spool_map_and_audit(
    start_gateway: Callable[..., Gateway],
    pixel_run: Path,
    pixel_embedder: Server,
    clusterer: Server,
    store: Store,
    tmp_path: Path,
) -> None:
    # Pixels that no other test sends: the vectors of theirs are in the cache, and would not be embedded.
    pixels = make_frames(2, 64, 64)[:, ::-1, ::-1].copy()
    good = write_opt(tmp_path / f"{NAME}.dcm", pixels, changes=plant(1))
    broken = write_opt(tmp_path / "b.dcm", make_frames(2), changes=plant(2, {0x7FE00010: ("OB", bytes(9))}))
    page = f"127.0.0.1:{free_port()}"
    with recording_relay(pixel_embedder.address) as embeds, recording_relay(clusterer.address) as clusters:
        services = ["--embedder", f"127.0.0.1:{embeds.port}", "--clusterer", f"127.0.0.1:{clusters.port}"]
        more = ["--log-level", "debug", "--log-format", "json", "--metrics-listen", page]
        gateway = start_gateway(pixel_run, services, *more)
        done = storescu(gateway.port, [good, broken])
        assert len(read_acknowledged(done.stdout + done.stderr)) == 2
        gateway.wait_until_processed()
        assert (gateway.count(State.DONE), gateway.count(State.QUARANTINED)) == (1, 1)
        with urllib.request.urlopen(f"http://{page}/metrics", timeout=30) as answer:
            metrics = answer.read()
        assert gateway.stop() == 0
    assert len(embeds.said) > 64 * 64, "pixels went there"
    seen = {
        "embedder's traffic": bytes(embeds.said),
        "clusterer's traffic": bytes(clusters.said),
        "gateway's log": gateway.log.encode(),
        "embedder's log": pixel_embedder.log.encode(),
        "clusterer's log": clusterer.log.encode(),
        "metrics": metrics,
        "store": read_store(store.url),
        "results": gateway.results_file.read_bytes(),
        "identity map": b"".join(file.read_bytes() for file in gateway.spool.glob("identities.sqlite*")),
    }
    for where, data in seen.items():
        assert data, f"there is no {where}"
        for word in (NAME, DAY, UID):
            assert word.encode().lower() not in data.lower(), f"{word} in the {where}"
    # The words were there to be found.
    assert NAME.encode() in (gateway.spool / "audit.jsonl").read_bytes()

"""A lesion near the edge of a wide scan counts in a run by the default recipe."""

from pathlib import Path

from octcluster import RunOptions, run_images
from octcluster.images.folder import find_images
from retina_scans import draw_wide_scan, encode

from .conftest import Recorder

N_OF_EACH, EDGE = 12, 130


def test_scans_with_a_lesion_at_the_edge_are_a_cluster_of_their_own(
    two_clusters: RunOptions, recorder: Recorder, tmp_path: Path
) -> None:
    for name, lesion, first_seed in (("healthy", None, 0), ("detached", EDGE, 1000)):
        (tmp_path / name).mkdir()
        for number in range(N_OF_EACH):
            scan = draw_wide_scan(first_seed + number, lesion)
            (tmp_path / name / f"{number}.png").write_bytes(encode(scan))
    outcome = run_images(find_images(tmp_path), two_clusters, recorder)
    assert outcome.pixels.framing is not None
    assert outcome.pixels.framing.worst_unseen_share == 0
    labels = [image.label for image in outcome.members]
    clusters = outcome.assignments.clusters
    assert len({*zip(labels, clusters, strict=True)}) == len({*clusters}) == 2

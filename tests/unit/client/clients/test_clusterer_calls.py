"""How the clusterer's requests are cut."""

from octcluster.clients.clusterer_calls import RunTarget, assign_requests, file_requests
from octcluster.model.server_info import ClustererLimits


def test_units_stay_whole_in_the_requests_of_assign() -> None:
    limits = ClustererLimits(10**6, 4, 100, 1)
    keys = [bytes([number]) * 32 for number in range(12)]
    units = [-1, 0, 0, 0, 1, 1, -1, 2, 2, 2, 2, 2]
    requests = list(assign_requests(RunTarget("a" * 32, 1), keys, units, limits))
    assert [key for request in requests for key in request.image_keys] == keys
    assert [list(request.unit_numbers) for request in requests] == [
        [-1, 0, 0, 0],
        [1, 1, -1, -1],  # the last unit fits into no request, and so is none
        [-1, -1, -1, -1],
    ]
    assert {(request.run_id, request.result_index) for request in requests} == {("a" * 32, 1)}
    (plain, _, _) = assign_requests(b"d" * 32, keys, None, limits)
    assert (plain.fitted_digest, list(plain.unit_numbers), plain.run_id) == (b"d" * 32, [], "")


def test_a_file_is_cut_into_pieces() -> None:
    content = bytes(range(256)) * 20_000
    pieces = file_requests(content, ClustererLimits(10**6, 4, 100, 1))
    assert b"".join(piece.data for piece in pieces) == content
    assert max(piece.ByteSize() for piece in pieces) <= 10**6

"""A status becomes an exception that says what to do next."""

import grpc
import pytest
from octcluster.clients.status_errors import service_error
from octcluster.model import errors

ADDRESS = "oct.example:50051"


class Status(grpc.RpcError):
    """What gRPC raises, as far as the client looks at it."""

    def __init__(self, code: grpc.StatusCode, details: str | None) -> None:
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str | None:
        return self._details

    def trailing_metadata(self) -> tuple[()]:
        return ()


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_each_status_has_an_error_with_its_name_and_the_address(code: grpc.StatusCode) -> None:
    error = service_error(Status(code, "some details"), "the embedder", ADDRESS)
    assert isinstance(error, errors.ServiceError)
    assert error.code == code.name
    assert ADDRESS in str(error)
    assert "some details" in str(error)


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.ServerUnavailable, "its log says more"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.ServerOverloaded, "try again later"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceeded, "start again"),
        (grpc.StatusCode.INVALID_ARGUMENT, errors.RequestRefused, "refused"),
        (grpc.StatusCode.NOT_FOUND, errors.RunNotFound, "start it again"),
        (grpc.StatusCode.FAILED_PRECONDITION, errors.NotReady, "cannot do this yet"),
        (grpc.StatusCode.UNIMPLEMENTED, errors.IncompatibleServer, "check the address"),
        (grpc.StatusCode.INTERNAL, errors.ServerFailed, "look at its log"),
        (grpc.StatusCode.DATA_LOSS, errors.ServerFailed, "look at its log"),
    ],
)
def test_error_says_what_to_do(code: grpc.StatusCode, kind: type[errors.ServiceError], advice: str) -> None:
    error = service_error(Status(code, "details"), "the embedder", ADDRESS)
    assert type(error) is kind
    assert advice in str(error)


@pytest.mark.parametrize(
    ("details", "cause"),
    [
        ("failed to connect to all addresses; last error: ... Connection refused", "nothing listens there"),
        ("unix:/x.sock: connect failed: No such file or directory", "there is no such socket"),
        ("errors resolving box:5: [field:hostname lookup error]", "the host name is not known here"),
        ("ipv4:10.0.0.9:5: connect: No route to host (113)", "this machine does not reach it"),
        ("recvmsg:Connection reset by peer (104)", "the connection was closed"),
        ("Redis does not answer: start it", "what is known of the cause is in brackets"),
    ],
)
def test_only_the_cause_that_is_known_is_told(details: str, cause: str) -> None:
    error = service_error(Status(grpc.StatusCode.UNAVAILABLE, details), "the clusterer", ADDRESS)
    told = str(error)
    assert told.startswith(f"the clusterer at {ADDRESS} cannot be used now: {cause}")
    assert details in told
    assert "address" not in told or cause.startswith(("nothing", "there is", "this machine"))


def test_a_status_without_details_is_named() -> None:
    error = service_error(Status(grpc.StatusCode.UNAVAILABLE, None), "the clusterer", ADDRESS)
    assert "(UNAVAILABLE)" in str(error)


@pytest.mark.parametrize("details", ["Locally cancelled by application!", "Channel closed!"])
def test_what_this_side_cancelled_is_not_tried_again(details: str) -> None:
    error = service_error(Status(grpc.StatusCode.CANCELLED, details), "the embedder", ADDRESS)
    assert type(error) is errors.CallCancelled


def test_what_the_server_cancelled_is_tried_again() -> None:
    error = service_error(Status(grpc.StatusCode.CANCELLED, "CANCELLED"), "the embedder", ADDRESS)
    assert type(error) is errors.ServerUnavailable

"""Turns a gRPC status into the exception that says what to do."""

from typing import Any

import grpc

from octcluster.model.errors import (
    AccessDenied,
    CallCancelled,
    ConnectionNotSecure,
    DeadlineExceeded,
    IncompatibleServer,
    NotReady,
    RequestRefused,
    RunNotFound,
    ServerFailed,
    ServerOverloaded,
    ServerUnavailable,
    ServiceError,
)

_BY_STATUS: dict[grpc.StatusCode, type[ServiceError]] = {
    grpc.StatusCode.UNAVAILABLE: ServerUnavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ServerOverloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.INVALID_ARGUMENT: RequestRefused,
    grpc.StatusCode.OUT_OF_RANGE: RequestRefused,
    grpc.StatusCode.ALREADY_EXISTS: RequestRefused,
    grpc.StatusCode.UNAUTHENTICATED: AccessDenied,
    grpc.StatusCode.PERMISSION_DENIED: AccessDenied,
    grpc.StatusCode.NOT_FOUND: RunNotFound,
    grpc.StatusCode.FAILED_PRECONDITION: NotReady,
    grpc.StatusCode.CANCELLED: CallCancelled,
    grpc.StatusCode.UNIMPLEMENTED: IncompatibleServer,
}

# How gRPC's details of UNAVAILABLE tell that it was TLS that failed.
_SIGNS_OF_TLS = ("handshake failed", "verification check failed")
# Those of CANCELLED, that this side ended the call. Else a server stopped: gRPC cancels the calls that it
# has not accepted (https://github.com/grpc/grpc/issues/41785), and nobody has begun their work.
_SIGNS_OF_THIS_SIDE = ("locally cancelled", "channel closed")
_SIGNS_OF_CLOSING = ("Socket closed", "Connection reset", "Broken pipe")
# What gRPC's details of UNAVAILABLE tell of the cause, with the cure; all else is the server's own words.
_REFUSED, _NO_SOCKET = "Connection refused", "No such file or directory"
_CAUSES = (
    ((_REFUSED,), "nothing listens there: start it, or correct the address"),
    ((_NO_SOCKET,), "there is no such socket: start it, or correct the address"),
    (
        ("lookup", "resolving", "DNS resolution", "Name or service"),
        "the host name is not known here: correct it",
    ),
    (
        ("No route to host", "Network is unreachable", "timed out", "Timeout occurred"),
        "this machine does not reach it: check network and firewall, and the address",
    ),
    ((*_SIGNS_OF_CLOSING, "GOAWAY"), "the connection was closed: look whether it still runs"),
)
_ITS_OWN_WORDS = "what is known of the cause is in brackets; its log says more"
# And those of RESOURCE_EXHAUSTED, that it was no lack of room: the same message never gets through.
_SIGN_OF_A_LARGE_MESSAGE = "larger than max"


def service_error(error: grpc.RpcError, service: str, address: str) -> ServiceError:
    """Turns a gRPC status into the exception that says what to do.

    Args:
        error: What a gRPC call raised; sync and async calls raise the same kind.
        service: Who was called, for people: ``the embedder``.
        address: Where, as the user wrote it.

    Returns:
        The exception; the caller raises it.
    """
    status = error.code()
    kind = _BY_STATUS.get(status, ServerFailed)
    flags = flags_of(service)
    details = details_of(error, service)
    if kind is ServerUnavailable and any(sign in details.lower() for sign in _SIGNS_OF_TLS):
        kind = ConnectionNotSecure
    if kind is CallCancelled and not any(sign in details.lower() for sign in _SIGNS_OF_THIS_SIDE):
        kind = ServerUnavailable
    if kind is ServerOverloaded and _SIGN_OF_A_LARGE_MESSAGE in details:
        kind = RequestRefused
    found = kind(
        kind.template.format(
            service=service,
            address=address,
            code=status.name,
            details=details,
            flags=flags,
            cause=find_cause(details),
        ),
        code=status.name,
    )
    if isinstance(found, ServerUnavailable):
        found.nothing_listens = tells_that_nothing_listens(details)
    if isinstance(found, ServerOverloaded):
        found.retry_after_seconds = _retry_after_seconds(error)
    return found


def _retry_after_seconds(error: grpc.RpcError) -> float | None:
    """Reads gRPC's retry pushback, which our servers send beside the same number as google.rpc.RetryInfo.

    It needs no message types of Google's; a negative one means that there is no use in trying again.
    """
    metadata: Any = error.trailing_metadata() or ()
    for name, value in metadata:
        if name == "grpc-retry-pushback-ms" and str(value).isdecimal():
            return int(value) / 1000
    return None


def flags_of(service: str) -> str:
    """With what the flags for a service begin: those for ``the embedder`` with ``--embedder``."""
    return f"--{service.rpartition(' ')[2]}"


def find_cause(details: str) -> str:
    """What gRPC's details tell of why a server cannot be used, with the cure."""
    return next((cause for signs, cause in _CAUSES if any(sign in details for sign in signs)), _ITS_OWN_WORDS)


def tells_that_nothing_listens(details: str) -> bool:
    """Whether gRPC's details tell that nothing listens at an address."""
    return _REFUSED in details or _NO_SOCKET in details


def was_closed(error: grpc.RpcError) -> bool:
    """Whether the server closed the connection without a word."""
    details = error.details() or ""
    return error.code() is grpc.StatusCode.UNAVAILABLE and any(sign in details for sign in _SIGNS_OF_CLOSING)


def details_of(error: grpc.RpcError, service: str) -> str:
    """What gRPC says of an error, with the cure of one that it says too little of."""
    details = error.details() or error.code().name
    hint = f"; if it serves with TLS, give {flags_of(service)}-tls-ca" if "Socket closed" in details else ""
    return f"{details}{hint}"


def broken_contract(service: str, address: str, details: str) -> ServerFailed:
    """The error for an answer that the contract does not allow."""
    text = ServerFailed.template.format(service=service, address=address, details=details)
    return ServerFailed(text, code="BROKEN_CONTRACT")

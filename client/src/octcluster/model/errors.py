"""Everything that can go wrong in the client, and what to do about it.

    OctclusterError               base; code names the condition for programs
    ├── ServiceError              a server gave no good answer; code is the gRPC status
    │   ├── ServerUnavailable     it, or what it needs, does not answer: start it, try again → UNAVAILABLE
    │   ├── ServerOverloaded      it is overloaded: try again later     → RESOURCE_EXHAUSTED
    │   ├── DeadlineExceeded      no answer in time: look at its load, or allow more time → DEADLINE_EXCEEDED
    │   ├── ConnectionNotSecure   TLS failed: look at certificates and names → UNAVAILABLE
    │   ├── RequestRefused        it will not do this: correct the request → INVALID_ARGUMENT, ...
    │   │   └── AccessDenied      it wants another token: give the right one → UNAUTHENTICATED, ...
    │   ├── RunNotFound           it does not know the run: start it again → NOT_FOUND
    │   ├── NotReady              not yet: watch the run, or put the vectors first → FAILED_PRECONDITION
    │   ├── CallCancelled         this side cancelled the call → CANCELLED
    │   ├── IncompatibleServer    another kind of server: check address and version → UNIMPLEMENTED
    │   └── ServerFailed          it failed, or broke the contract: look at its log → INTERNAL, ...
    ├── InvalidArguments          arguments that cannot be used, or not together: correct them
    ├── InvalidImageSet           images or labels that cannot be used: correct them
    ├── ExtraNotInstalled         an optional part is not installed: install it
    ├── AddressInvalid            an address that cannot be one: write HOST:PORT
    ├── SpaceMismatch             embedders disagree: let all of them serve the same model and weights
    ├── ModelNotServed            the embedder has no such model or features: choose what it has
    ├── TooFewImages              fewer good images than clusters: look at the failures
    ├── RunFailed                 the run ended with an error; code is the run's error code
    ├── RunCancelled              somebody cancelled the run
    ├── DaskUnavailable           the Dask cluster cannot be used: look at its scheduler and workers
    ├── ActRefused                the explorer cannot do the act: correct it
    ├── StateChanged              the explorer's state is newer than the caller's: load it again
    ├── NotThere                  the explorer has no such thing, or not now: the message says why
    └── LocalStackError        the services that were started for this run did not come up, or died
        └── CacheDirectoryBusy    another run uses the cache folder: wait, or name another

A message says what happened and what to do next. It may name a server's address and an image file: it is
for the person at this machine. Nothing here travels to a server.
"""

from typing import ClassVar


class OctclusterError(Exception):
    """Base of all errors of the client.

    Attributes:
        code: What happened, for programs.
    """

    code: str = "failed"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class ServiceError(OctclusterError):
    """A server gave no good answer.

    Attributes:
        code: Name of the gRPC status, for example ``UNAVAILABLE``.
    """

    template: ClassVar[str] = "{service} at {address} answered {code}: {details}"


class ServerUnavailable(ServiceError):
    """The server, or what the server itself needs, does not answer.

    Attributes:
        nothing_listens: Whether that is because nothing listens at the address.
    """

    nothing_listens: bool = False
    template = "{service} at {address} cannot be used now: {cause} ({details})"


class ServerOverloaded(ServiceError):
    """The server's queue is full.

    Attributes:
        retry_after_seconds: When to retry, if it said so.
    """

    retry_after_seconds: float | None = None
    template = "{service} at {address} is overloaded: try again later ({details})"


class DeadlineExceeded(ServiceError):
    """The server did not answer in time."""

    template = (
        "{service} at {address} did not answer in time: look whether it is overloaded or hangs, then"
        " start again: vectors that are in the cache are kept ({details})"
    )


class RequestRefused(ServiceError):
    """The request breaks a rule, or the caller may not make it."""

    template = "{service} at {address} refused the request: {details}"


class ConnectionNotSecure(ServiceError):
    """TLS could not be agreed on."""

    template = (
        "no secure connection to {service} at {address}: check that it serves with TLS, that the authority of"
        " its certificate is the one given ({flags}-tls-ca), and that the certificate is for this address"
        " or for the name given ({flags}-tls-name) ({details})"
    )


class AccessDenied(RequestRefused):
    """The server refuses access to this client."""

    template = (
        "{service} at {address} refused access: give a token that it knows"
        " ({flags}-token-file FILE, or token=...), or a certificate that it trusts ({flags}-tls-cert FILE)"
        " ({details})"
    )


class RunNotFound(ServiceError):
    """The server does not know the run, or has forgotten it."""

    code = "NOT_FOUND"
    template = (
        "{service} at {address} does not have this run: start it again, or call with the token or"
        " certificate that started it ({details})"
    )


class NotReady(ServiceError):
    """Not possible in the present state, for example the result of a run that is at work."""

    template = "{service} at {address} cannot do this yet: {details}"


class CallCancelled(ServiceError):
    """This side cancelled the call: its client was closed, say."""

    template = "the call to {service} at {address} was cancelled: try again ({details})"


class IncompatibleServer(ServiceError):
    """The server does not know the call."""

    template = (
        "what answers at {address} is not {service} of this version: check the address, and that client and"
        " server are of the same release ({details})"
    )


class ServerFailed(ServiceError):
    """The server failed, or its answer broke the contract."""

    template = "{service} at {address} failed: look at its log, then try again ({details})"


class InvalidArguments(OctclusterError):
    """Arguments of the command that cannot be used, or not together."""

    code = "arguments_invalid"


class InvalidImageSet(OctclusterError):
    """The images or labels that were asked for cannot be used; the message names the input and the cure."""

    code = "image_set_invalid"


class ExtraNotInstalled(OctclusterError):
    """An optional part of octcluster is not installed."""

    code = "extra_not_installed"

    def __init__(self, missing: str, extra: str, alternative: str = "") -> None:
        """Says what is missing, which extra brings it, and what else helps."""
        super().__init__(
            f"{missing} not installed: install octcluster's extra {extra!r}, as docs/operations.md "
            f"says under 'Install it'{alternative}"
        )


class AddressInvalid(OctclusterError):
    """An address that cannot be one."""

    code = "address_invalid"


class SpaceMismatch(OctclusterError):
    """Vectors came from another embedding space than the one agreed on."""

    code = "space_mismatch"


class ModelNotServed(OctclusterError):
    """The embedder does not serve the model, or not with these features."""

    code = "model_not_served"


class TooFewImages(OctclusterError):
    """Fewer images could be embedded than clusters were asked for."""

    code = "too_few_images"


class RunFailed(OctclusterError):
    """The run ended with an error.

    Attributes:
        code: ``vectors_missing``, ``invalid``, ``store_unavailable``, ``engine_unavailable``, ``internal`` or
            ``interrupted``.
    """


class RunCancelled(OctclusterError):
    """The run was cancelled."""

    code = "cancelled"


class DaskUnavailable(OctclusterError):
    """The Dask cluster that was named cannot do the work."""

    code = "dask_unavailable"


class ActRefused(OctclusterError):
    """An act on the groups of a result that cannot be done."""

    code = "act_refused"


class StateChanged(OctclusterError):
    """The groups have changed since the caller looked at them."""

    code = "state_changed"


class NotThere(OctclusterError):
    """The explorer does not have what was asked for."""

    code = "not_there"


class LocalStackError(OctclusterError):
    """The services that were started for a run did not come up, or died."""

    code = "local_stack"


class CacheDirectoryBusy(LocalStackError):
    """Another run used the cache folder for longer than we wait."""

    code = "cache_directory_busy"

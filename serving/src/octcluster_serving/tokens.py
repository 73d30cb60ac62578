"""Bearer tokens, and whose they are, from a file that is read anew when it changes.

The file holds one token, or lines of ``name:token``. A token without a name lets everybody in as the same
nobody; one with a name says who calls, and the service keeps apart what belongs to whom (``callers.py``).
"""

import contextlib
import hmac
import logging
import re
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc

from octcluster_serving.callers import NOBODY, name_caller
from octcluster_serving.errors import UnusableFile
from octcluster_serving.metrics import ServerMetrics
from octcluster_serving.watched_files import WatchedFiles

_logger = logging.getLogger(__name__)

_HEALTH_SERVICE = "/grpc.health.v1.Health/"
_FEWEST_TOKEN_CHARACTERS = 16
_NAMED = re.compile(r"([A-Za-z0-9._@-]{1,64}):(.*)")


def read_tokens(file: Path) -> dict[bytes, str]:
    """Reads the tokens that let clients in.

    Args:
        file: One token, or one ``name:token`` a line; empty lines and lines that begin with # do not count.
            Only its owner may be allowed to read it.

    Returns:
        Whose each token is; NOBODY for a token without a name.

    Raises:
        UnusableFile: The file cannot be read, can be read by others, or does not hold good tokens.
    """
    try:
        mode = file.stat().st_mode
        text = file.read_bytes().decode("ascii", "replace")
    except OSError as error:
        raise UnusableFile(f"--token-file {file} cannot be read: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UnusableFile(f"--token-file {file} can be read by others: chmod 600 {file}")
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    found = [_read_line(line, alone=len(lines) == 1) for line in lines]
    tokens = {token: name for name, token in found}
    if not tokens or len(tokens) < len(found):
        raise UnusableFile(f"--token-file: holds {'one token twice' if found else 'no token'}")
    return tokens


def _read_line(line: str, *, alone: bool) -> tuple[str, bytes]:
    """Name and token of a line; its token is never told."""
    named = _NAMED.fullmatch(line)
    name, token = named.groups() if named else (NOBODY, line)
    if not named and not alone:
        raise UnusableFile("--token-file: of several tokens each needs a name: write name:token on each line")
    if len(token) < _FEWEST_TOKEN_CHARACTERS or not all("!" <= character <= "~" for character in token):
        raise UnusableFile(
            f"--token-file: a token must have at least {_FEWEST_TOKEN_CHARACTERS} printable ASCII "
            "characters without spaces, on one line; make one with: openssl rand -hex 32"
        )
    return name, token.encode()


class TokenCheck(grpc.aio.ServerInterceptor):
    """Refuses calls that show no good token, and says whose a call is. Health checks need none.

    A file that cannot be used while the server runs changes nothing: the tokens before it stay good.

    Args:
        file: The tokens.
        metrics: Counts what is refused.

    Raises:
        UnusableFile: See ``read_tokens``.
    """

    def __init__(self, file: Path, metrics: ServerMetrics) -> None:
        self._file = file
        self._watched = WatchedFiles([file])
        self._tokens: Mapping[bytes, str] = read_tokens(file)
        self._metrics = metrics
        self._refusal: grpc.RpcMethodHandler[object, object] = grpc.stream_stream_rpc_method_handler(
            self._refuse
        )

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Hands a call on if it shows a token or asks for the health."""
        if handler_call_details.method.startswith(_HEALTH_SERVICE):
            return await continuation(handler_call_details)
        shown = next(
            (value for key, value in handler_call_details.invocation_metadata if key == "authorization"), ""
        )
        self._read_anew()
        # All are compared, whichever is right: the time that it takes tells nothing of the tokens.
        names = [
            name
            for token, name in self._tokens.items()
            if hmac.compare_digest(shown.encode(), b"Bearer " + token)
        ]
        if not names:
            return self._refusal
        name_caller(names[0])
        return await continuation(handler_call_details)

    def _read_anew(self) -> None:
        if not self._watched.have_changed():
            return
        with contextlib.suppress(UnusableFile):
            self._tokens = read_tokens(self._file)
            _logger.info("tokens read anew: %d", len(self._tokens))
            return
        _logger.warning("the new --token-file cannot be used: the tokens before it stay good")

    async def _refuse(self, _requests: object, context: Any) -> None:
        status = grpc.StatusCode.UNAUTHENTICATED
        self._metrics.count_request("refused", status.name, 0.0)
        await context.abort(status, "the call showed no token, or a wrong one")

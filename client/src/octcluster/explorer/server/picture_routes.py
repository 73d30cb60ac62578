"""Pictures of the images."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from octcluster.explorer.pictures import FULL, SIDES
from octcluster.explorer.server.explorer import Explorer
from octcluster.explorer.server.requests import answer_with, read_row
from octcluster.model.errors import ActRefused

_HEADERS = {"cache-control": "private, max-age=3600"}


def list_picture_routes(explorer: Explorer) -> list[Route]:
    """The routes of the pictures."""
    return [Route("/api/pictures/{row:int}", answer_with(explorer, _picture))]


def _picture(explorer: Explorer, request: Request, _: Any) -> Response:
    row = read_row(explorer, request)
    side = request.query_params.get("side", str(SIDES[0]))
    if side == FULL:
        return Response(explorer.pictures.full(row), media_type="image/webp", headers=_HEADERS)
    if side not in map(str, SIDES):
        raise ActRefused(f"side={side} cannot be used: take {', '.join(map(str, SIDES))} or {FULL}")
    return Response(explorer.pictures.small(row, int(side)), media_type="image/jpeg", headers=_HEADERS)

"""The groups, and what a person does with them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from octcluster.explorer.server.explorer import Explorer
from octcluster.explorer.server.requests import answer_with, read_number
from octcluster.model.errors import ActRefused


def list_state_routes(explorer: Explorer) -> list[Route]:
    """The routes of the groups."""
    posts = {"acts": _do, "undo": _undo, "redo": _redo}
    return [
        Route("/api/state", answer_with(explorer, _state)),
        Route("/api/membership", answer_with(explorer, _membership)),
        *(
            Route(f"/api/{name}", answer_with(explorer, handle), methods=["POST"])
            for name, handle in posts.items()
        ),
    ]


def _state(explorer: Explorer, _: Request, __: Any) -> Response:
    return JSONResponse(explorer.workspace.describe())


def _membership(explorer: Explorer, request: Request, _: Any) -> Response:
    content = explorer.workspace.pack_membership(read_number(request, "version"))
    return Response(content, media_type="application/octet-stream")


def _do(explorer: Explorer, _: Request, body: Any) -> Response:
    act = body.get("act")
    if isinstance(act, Mapping) and act.get("kind") == "propagate":
        act = partial(explorer.labelling.make_act, certainty=_read_certainty(act))
    explorer.workspace.do(body.get("who"), body.get("version"), act)
    return _answer(explorer)


def _read_certainty(act: Mapping[str, Any]) -> float:
    """How sure a label must be to be given; the labels themselves are made here."""
    certainty = act.get("certainty", 0)
    if isinstance(certainty, bool) or not isinstance(certainty, int | float) or not 0 <= certainty <= 1:
        raise ActRefused(f"certainty={certainty} cannot be used: give a number from 0 to 1")
    return float(certainty)


def _undo(explorer: Explorer, _: Request, body: Any) -> Response:
    explorer.workspace.undo(body.get("who"), body.get("version"))
    return _answer(explorer)


def _redo(explorer: Explorer, _: Request, body: Any) -> Response:
    explorer.workspace.redo(body.get("who"), body.get("version"))
    return _answer(explorer)


def _answer(explorer: Explorer) -> Response:
    return JSONResponse({"state": explorer.workspace.describe()})

"""Labels that spread from a few images to the rest."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from octcluster.explorer.jobs import Job
from octcluster.explorer.server.explorer import Explorer
from octcluster.explorer.server.requests import answer_with
from octcluster.explorer.server.vector_routes import describe_preparation

_DECIMALS = 3


def list_propagation_routes(explorer: Explorer) -> list[Route]:
    """The routes of propagation; to apply it is an act."""
    return [Route("/api/propagation", answer_with(explorer, _propagation))]


def _propagation(explorer: Explorer, _: Request, __: Any) -> Response:
    version, groups = explorer.workspace.read()
    nothing: dict[str, object] = {"version": version, "values": [], "labels": [], "certainty": [], "ask": []}
    suggestion = explorer.labelling.suggest(groups)
    if isinstance(suggestion, Job):
        return JSONResponse(nothing | describe_preparation(suggestion))
    found = suggestion.propagation
    return JSONResponse(
        {
            "ready": True,
            "progress": 1,
            "text": "",
            "error": "",
            "version": version,
            "values": list(groups.label_values),
            "labels": found.labels.tolist(),
            "certainty": [round(value, _DECIMALS) for value in found.certainty.tolist()],
            "ask": suggestion.ask,
        }
    )

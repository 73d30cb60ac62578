"""What is found from the vectors of the images: neighbours, and parts of a group."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from octcluster.explorer.jobs import Job
from octcluster.explorer.neighbours import find_neighbours
from octcluster.explorer.server.explorer import Explorer
from octcluster.explorer.server.requests import answer_with, read_number, read_row
from octcluster.explorer.splitting import start_split

_USUAL_NEIGHBOURS = 24
_MOST_NEIGHBOURS = 500


def list_vector_routes(explorer: Explorer) -> list[Route]:
    """The routes of vectors."""
    return [
        Route("/api/neighbours/{row:int}", answer_with(explorer, _neighbours)),
        Route("/api/split", answer_with(explorer, _split), methods=["POST"]),
        Route("/api/jobs/{number:int}", answer_with(explorer, _job)),
    ]


def describe_preparation(job: Job) -> dict[str, object]:
    """How far the vectors are, as JSON values."""
    return {
        "ready": False,
        "progress": round(job.fraction, 3),
        "text": job.error or job.text,
        "error": job.error,
    }


def _neighbours(explorer: Explorer, request: Request, _: Any) -> Response:
    row = read_row(explorer, request)
    count = read_number(request, "count", _USUAL_NEIGHBOURS, _MOST_NEIGHBOURS)
    vectors = explorer.vectors.find()
    if isinstance(vectors, Job):
        return JSONResponse({**describe_preparation(vectors), "rows": [], "distances": []})
    found = find_neighbours(vectors, row, count)
    told = {"ready": True, "progress": 1, "text": "", "error": ""}
    return JSONResponse({**told, "rows": found.rows, "distances": found.distances})


def _split(explorer: Explorer, _: Request, body: Any) -> Response:
    number = start_split(
        explorer.workspace, explorer.jobs, explorer.services, body.get("group"), body.get("k")
    )
    return JSONResponse({"job": number})


def _job(explorer: Explorer, request: Request, _: Any) -> Response:
    job = explorer.jobs.find(int(request.path_params["number"]))
    return JSONResponse(
        {
            "done": job.done,
            "progress": round(job.fraction, 3),
            "text": job.text,
            "error": job.error,
            "parts": job.result or [],
        }
    )

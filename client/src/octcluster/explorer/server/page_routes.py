"""The page itself, and what it reads once."""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from octcluster.explorer import page
from octcluster.explorer.server.explorer import Explorer
from octcluster.explorer.server.requests import answer_with
from octcluster.model.errors import NotThere

_PAGE = Path(page.__file__).parent
_FILES = {
    "": ("page.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
    "licences.txt": ("licences.txt", "text/plain"),
}


def list_page_routes(explorer: Explorer) -> list[Route]:
    """The routes of the page."""
    routes = [Route(f"/{name}", _serve_file(*file)) for name, file in _FILES.items()]
    handlers = {"result": _result, "columns": _columns, "names": _names}
    return [
        *routes,
        *(Route(f"/api/{name}", answer_with(explorer, handle)) for name, handle in handlers.items()),
    ]


def _serve_file(name: str, kind: str) -> Any:
    async def serve(_: Request) -> Response:
        if not (_PAGE / name).is_file():
            return JSONResponse({"error": f"there is no {name}: install octcluster again"}, 404)
        return FileResponse(_PAGE / name, media_type=kind, headers={"cache-control": "no-store"})

    return serve


def _result(explorer: Explorer, _: Request, __: Any) -> Response:
    return JSONResponse(explorer.describe())


def _columns(explorer: Explorer, _: Request, __: Any) -> Response:
    return Response(explorer.columns, media_type="application/octet-stream")


def _names(explorer: Explorer, _: Request, __: Any) -> Response:
    if not explorer.identified:
        raise NotThere("names of files are not sent: start 'octcluster explore' with --identified")
    return JSONResponse(list(explorer.result.names))

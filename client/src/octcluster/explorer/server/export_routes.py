"""What leaves the explorer, as files beside the run or as downloads."""

import shlex
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from octcluster.explorer.exports import (
    COCO,
    LABELS,
    UNUSABLE,
    describe_exports,
    format_coco,
    format_labels,
    format_names,
    format_unusable,
    write_exports,
)
from octcluster.explorer.server.explorer import Explorer
from octcluster.explorer.server.requests import answer_with
from octcluster.workflows.cluster_names import FILE_NAME as NAMES

_FORMATS = {
    LABELS: (format_labels, "text/csv; charset=utf-8"),
    COCO: (format_coco, "application/json"),
    NAMES: (format_names, "application/json"),
    UNUSABLE: (format_unusable, "text/csv; charset=utf-8"),
}
_NAMELESS = frozenset({NAMES})
_IDENTIFIES = (
    "this file names images: have it written beside the result instead (POST api/exports), or start "
    "'octcluster explore' with --identified"
)


def list_export_routes(explorer: Explorer) -> list[Route]:
    """The routes of the exports."""
    return [
        Route("/api/exports", answer_with(explorer, _write), methods=["POST"]),
        *(Route(f"/api/exports/{name}", answer_with(explorer, _download)) for name in _FORMATS),
    ]


def _write(explorer: Explorer, _: Request, __: Any) -> Response:
    groups = explorer.workspace.check_place()
    told = dict(write_exports(explorer.result, groups))
    folder, images = shlex.quote(str(explorer.result.folder)), shlex.quote(str(explorer.result.source))
    text = describe_exports(explorer.result, groups, folder, images)
    explorer.notice(text)
    return JSONResponse(told | ({"text": text} if explorer.identified else {}))


def _download(explorer: Explorer, request: Request, _: Any) -> Response:
    name = request.url.path.rpartition("/")[2]
    if not explorer.identified and name not in _NAMELESS:
        return JSONResponse({"error": _IDENTIFIES}, 403)
    format_export, kind = _FORMATS[name]
    content = format_export(explorer.result, explorer.workspace.groups)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)

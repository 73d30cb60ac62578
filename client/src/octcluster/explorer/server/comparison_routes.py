"""Two runs side by side."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from octcluster.explorer.comparison import describe_missing, name_runs
from octcluster.explorer.server.explorer import Explorer
from octcluster.explorer.server.requests import answer_with
from octcluster.model.errors import NotThere


def list_comparison_routes(explorer: Explorer) -> list[Route]:
    """The route of the comparison."""
    return [Route("/api/comparison", answer_with(explorer, _comparison))]


def _comparison(explorer: Explorer, _: Request, __: Any) -> Response:
    found = explorer.comparison
    if found is None:
        raise NotThere("there is no run to compare with: start 'octcluster explore' with --compare OTHER")
    return JSONResponse(
        {
            "clusters": found.clusters,
            "otherClusters": found.other_clusters,
            "counts": found.counts,
            "partners": found.partners,
            "matched": len(found.others) - found.missing,
            "missing": found.missing,
            "changed": found.changed,
            "runs": name_runs(found, identified=explorer.identified),
            "otherNames": found.other_names,
            "text": describe_missing(found),
        }
    )

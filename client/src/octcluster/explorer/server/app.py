"""The application: all routes of the explorer, behind the guard."""

from starlette.applications import Starlette
from starlette.types import ASGIApp

from octcluster.explorer.server.comparison_routes import list_comparison_routes
from octcluster.explorer.server.explorer import Explorer
from octcluster.explorer.server.export_routes import list_export_routes
from octcluster.explorer.server.guard import Guard
from octcluster.explorer.server.page_routes import list_page_routes
from octcluster.explorer.server.picture_routes import list_picture_routes
from octcluster.explorer.server.propagation_routes import list_propagation_routes
from octcluster.explorer.server.state_routes import list_state_routes
from octcluster.explorer.server.vector_routes import list_vector_routes


def make_app(explorer: Explorer, token: str, hosts: frozenset[str], *, debug: bool = False) -> ASGIApp:
    """Makes the application.

    Args:
        explorer: What it is about.
        token: What each address begins with.
        hosts: Names and ports by which the server may be called.
        debug: Whether faults are printed in full.
    """
    routes = [
        *list_page_routes(explorer),
        *list_state_routes(explorer),
        *list_picture_routes(explorer),
        *list_export_routes(explorer),
        *list_vector_routes(explorer),
        *list_propagation_routes(explorer),
        *list_comparison_routes(explorer),
    ]
    return Guard(Starlette(routes=routes), token, hosts, debug=debug)

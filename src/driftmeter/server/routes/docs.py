"""The documentation of the routes: /openapi.json, and /docs, a page that shows it without the internet.

Addresses in the page are relative, so that they hold behind a gateway that adds a prefix.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from driftmeter.server.routes.openapi import document
from driftmeter.server.routes.operation import JSON_TYPE, Operation, route_of

SCRIPT = "rapidoc-9.3.8.js"
"""RapiDoc, packaged with gzip; its name holds the version, so that browsers may keep it."""
_WEEK = 7 * 24 * 3600


def docs_routes(operations: Sequence[Operation]) -> list[Route]:
    """Return the routes that document `operations`; they are in no document themselves."""

    @cache
    def encoded() -> bytes:
        return msgspec.json.encode(document(operations))

    async def get_openapi(request: Request) -> Response:
        return Response(encoded(), media_type=JSON_TYPE)

    return [
        Route("/openapi.json", get_openapi),
        route_of("GET", "/docs", _get_page),
        Route(f"/docs/static/{SCRIPT}", _get_script),
    ]


async def _get_page(request: Request) -> Response:
    return HTMLResponse(_static("docs.html"))


async def _get_script(request: Request) -> Response:
    content = _static(f"{SCRIPT}.gz")
    headers = {"Cache-Control": f"max-age={_WEEK}", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        content = gzip.decompress(content)
    return Response(content, headers=headers, media_type="text/javascript")


def _static(name: str) -> bytes:
    return files("driftmeter.server.routes").joinpath("static", name).read_bytes()

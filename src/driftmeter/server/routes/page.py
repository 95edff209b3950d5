"""The live page: `/` and every deep link below `/ui/` give index.html; its files are below `/ui/static/`.

One folder name, the hash of all files, is part of each file's address. So browsers may keep files for ever, and modules
that import each other by relative addresses always come from one version. Addresses in the page are relative, so that
they hold behind a gateway that adds a prefix.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""The content security policy: only files of this server, no script or style within the page."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_TYPES = {"js": "text/javascript", "css": "text/css", "txt": "text/plain", "md": "text/plain"}
_VERSION = re.compile("[0-9a-f]{16}")
_YEAR = 365 * 24 * 3600


class _File(NamedTuple):
    """A file of the page: its bytes, as they are and with gzip, and its media type."""

    plain: bytes
    zipped: bytes
    media_type: str


class _Files(NamedTuple):
    """The files of the page by name, such as `vendor/uplot.js`; `start` is index.html, `version` the hash of all."""

    by_name: dict[str, _File]
    start: str
    version: str


def page_routes() -> list[Route]:
    """Return the routes of the page, for GET and HEAD; they are in no document of the API."""
    return [
        Route("/", _get_index),
        Route("/ui/static/{version}/{name:path}", _get_file),
        Route("/ui/{path:anything}", _get_index),
    ]


async def _get_index(request: Request) -> Response:
    """Answer the page, whatever it is to show: its script reads the address."""
    page = _files()
    depth = request.scope.get("raw_path", request.url.path.encode()).count(b"/") - 1
    text = page.start.replace("ui/static/", f"{'../' * depth}ui/static/{page.version}/")
    return HTMLResponse(text, headers={**HEADERS, "Cache-Control": "no-cache"})


async def _get_file(request: Request) -> Response:
    version, name = request.path_params["version"], request.path_params["name"]
    if not _VERSION.fullmatch(version):  # a view of a model that is called static
        return await _get_index(request)
    page = _files()
    file = page.by_name.get(name)
    if file is None:
        raise HTTPException(404, "no such file of the page")
    # another server's page asks for another version for a moment, while servers are upgraded: it must not be kept
    current = version == page.version
    headers = {
        "Cache-Control": f"public, max-age={_YEAR}, immutable" if current else "no-store",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    content = file.plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        content = file.zipped
    return Response(content, headers=headers, media_type=file.media_type)


@cache
def _files() -> _Files:
    """Read and compress all files, once."""
    contents = dict(sorted(_walk(files("driftmeter.page").joinpath("static"), "")))
    index = contents.pop("index.html").decode()
    digest = hashlib.sha256(index.encode())
    for name, content in contents.items():
        digest.update(b"%b\0%d\0%b" % (name.encode(), len(content), content))
    by_name = {
        name: _File(content, gzip.compress(content, 9, mtime=0), _TYPES[name.rpartition(".")[2]])
        for name, content in contents.items()
    }
    return _Files(by_name, index, digest.hexdigest()[:16])


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes()

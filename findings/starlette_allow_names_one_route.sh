#!/bin/sh
# Starlette answers 405 with the methods of one route, not of the path: Allow leaves out what other routes of it take.
#
# A path is often served by several routes, one for each method. A client that is told 405 reads Allow to see what the path
# takes (RFC 9110, 15.5.6: the methods that the target resource supports).
#
# Guess: GET, PUT and DELETE in three routes of one path, and PATCH is answered with `Allow: DELETE, GET, HEAD, PUT`.
# Really, starlette 1.10.0: `Allow: GET, HEAD`, those of the first route whose path matches. The others are never asked.
# One route with three methods names all three. Not found in Starlette's documentation of routing.
#
# Takes half a minute: two packages from PyPI, in a folder that is removed. Ends with 1 if that is no longer so.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check starlette==1.10.0 httpx==0.28.1
"$dir/env/bin/python" - <<'P'
import asyncio
import sys

import httpx
import starlette
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route


async def answer(request):
    return Response("ok")


async def allowed(path):
    routes = [Route("/apart", answer, methods=[method]) for method in ("GET", "PUT", "DELETE")]
    routes.append(Route("/together", answer, methods=["GET", "PUT", "DELETE"]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(Starlette(routes=routes)), base_url="http://x") as client:
        refused = await client.patch(path)
        taken = await client.put(path)
    print(f"PATCH {path}: {refused.status_code}, Allow: {refused.headers['allow']}; PUT: {taken.status_code}")
    return sorted(refused.headers["allow"].split(", "))


print("starlette", starlette.__version__)
apart, together = asyncio.run(allowed("/apart")), asyncio.run(allowed("/together"))
sys.exit(apart != ["GET", "HEAD"] or together != ["DELETE", "GET", "HEAD", "PUT"])
P

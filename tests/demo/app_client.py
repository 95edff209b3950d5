from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette


@dataclass(frozen=True)
class AppClient:
    """Sends requests to an app without a socket, one event loop each."""

    app: Starlette

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._send("GET", path))

    def post(self, path: str, **content: Any) -> httpx.Response:
        return asyncio.run(self._send("POST", path, **content))

    async def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://model") as client:
            return await client.request(method, path, **content)

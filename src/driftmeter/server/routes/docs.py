"""The page /docs: Swagger UI without the internet where `fastapi-offline` is installed, else from its CDN."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles


def _static() -> Path | None:
    found = find_spec("fastapi_offline")
    folders = found.submodule_search_locations if found else None
    return Path(folders[0]) / "static" if folders else None


def add_docs(app: FastAPI) -> None:
    """Serve /docs."""
    static = _static()
    here = static is not None and (static / "swagger-ui-bundle.js").is_file()
    assets: dict[str, Any] = {}
    if here:
        app.mount("/docs/static", StaticFiles(directory=str(static)), name="docs")
        # relative, so that it works behind a gateway that adds a prefix
        assets = {
            "swagger_js_url": "docs/static/swagger-ui-bundle.js",
            "swagger_css_url": "docs/static/swagger-ui.css",
            "swagger_favicon_url": "data:,",
        }

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(openapi_url="openapi.json", title="driftmeter", **assets)

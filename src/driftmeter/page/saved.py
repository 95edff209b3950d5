"""The page as one file, which opens from disk and can be mailed: its modules, and the documents that they show.

Modules import each other by their names in an import map, which maps each to its text as a `data:` URL: they are the
very files of the live page. Nothing is fetched: the content security policy of the file forbids it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from urllib.parse import quote

from driftmeter.page.texts import as_html
from driftmeter.types import JSON

MOST_FEATURES = 500
"""Features that have a view of their own in a file, the worst; of all others it has the line of the overview."""

_IMPORT = re.compile(r'(\bfrom |\bimport[ (])"\./(?:vendor/)?([\w-]+\.js)"')
_MAIN = 'import "driftmeter/main.js";'


def saved_page(overview: JSON, documents: Mapping[str, JSON]) -> str:
    """Return the page as one HTML file that shows a model's overview, and other documents by their paths on a server.

    Readers without scripts see a plain table.
    """
    model, state = overview["model"], overview["state"]
    documents = {
        "v1/models": {"models": [{"model": model, "state": state}]},
        path_of(model, "overview"): overview,
        **documents,
    }
    start, style, modules = _parts()
    text = json.dumps(documents, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    packed = base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode()
    policy = (
        f"default-src 'none'; script-src {_hash_of(modules)} {_hash_of(_MAIN)} data:; style-src {_hash_of(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{as_html(model)} – driftmeter</title>\n"
        f"<style>{style}</style>"
    )
    body = (
        f'<script type="application/octet-stream" id="documents">{packed}</script>\n'
        f"<noscript>{_table(overview)}</noscript>\n"
        f'<script type="importmap">{modules}</script>\n<script type="module">{_MAIN}</script>'
    )
    return start.replace("<!-- head -->", head).replace("<!-- body -->", body)


def path_of(model: str, *rest: str) -> str:
    """Return the path of a document, as the page asks for it.

    >>> path_of("a b", "features", "x/y (z)")
    'v1/models/a%20b/features/x%2Fy%20(z)'
    """
    return "/".join(["v1/models", *(quote(part, safe="!'()*") for part in (model, *rest))])


def _table(overview: JSON) -> str:
    rows = "".join(
        f"<tr><td>{as_html(one['feature'])}{_follows(one)}</td><td>{one['state']}</td><td>{one['severity']}</td>"
        f"<td>{as_html(one['why'])}</td></tr>"
        for one in overview["features"][:MOST_FEATURES]
    )
    told = [overview["summary"], *overview.get("notes", ())]
    notes = "".join(f"<p>{as_html(note)}</p>" for note in told if note)
    return (
        f"<h1>{as_html(overview['model'])}: {overview['state']}</h1><p>{overview['rows']:,} rows</p>{notes}"
        f"<table><tr><th>Feature</th><th>State</th><th>Severity</th><th>Why</th></tr>{rows}</table>"
    )


def _follows(feature: JSON) -> str:
    return f" <small>follows {as_html(feature['follows'])}</small>" if feature["follows"] else ""


def _hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _parts() -> tuple[str, str, str]:
    """Return the frame of the page, its style, and its import map."""
    folder = files("driftmeter.page").joinpath("static")
    vendor = folder.joinpath("vendor")
    index = folder.joinpath("index.html").read_text("utf-8")
    index = re.sub(r"(?s)<title>.*?</title>\n", "<!-- head -->\n", index)
    index = re.sub(r'<(?:link rel="(?:stylesheet|modulepreload)"|script type="module")[^\n]*\n', "", index)
    index = re.sub(r"(?s)<noscript>.*?</noscript>", "<!-- body -->", index)
    style = "\n".join(
        place.joinpath(name).read_text("utf-8") for place, name in ((folder, "page.css"), (vendor, "uplot.css"))
    )
    scripts = [
        entry for place in (folder, vendor) for entry in sorted(place.iterdir(), key=str) if entry.name.endswith(".js")
    ]
    imports = {f"driftmeter/{script.name}": _as_url(script.read_text("utf-8")) for script in scripts}
    return index, style, json.dumps({"imports": imports}, separators=(",", ":"))


def _as_url(module: str) -> str:
    """Return a module as a `data:` URL; it imports the others by their names in the import map."""
    text = _IMPORT.sub(r'\1"driftmeter/\2"', module)
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"

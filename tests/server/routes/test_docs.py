from __future__ import annotations

import gzip
import re

from driftmeter.server.routes.docs import SCRIPT
from tests.server.harness import Client


def test_docs_are_a_page(client: Client) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert 'spec-url="openapi.json"' in page.text


def test_docs_need_no_internet_and_hold_behind_a_prefix(client: Client) -> None:
    page = client.get("/docs").text
    addresses = re.findall(r'(?:src|href|url)="([^"]*)"', page)
    assert addresses == ["data:,", f"docs/static/{SCRIPT}", "openapi.json"]
    assert 'load-fonts="false"' in page  # they would come from elsewhere


def test_the_script_comes_with_gzip_where_that_is_read_and_without_where_not(client: Client) -> None:
    path = f"/docs/static/{SCRIPT}"
    zipped = client.get(path, headers={"Accept-Encoding": "gzip, br"})
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.headers["content-type"].startswith("text/javascript")
    assert zipped.content == plain.content  # httpx has decompressed the one
    assert b"rapi-doc" in plain.content
    assert int(zipped.headers["content-length"]) < len(gzip.compress(plain.content, 1)) < len(plain.content)

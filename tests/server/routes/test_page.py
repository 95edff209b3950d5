from __future__ import annotations

import gzip
import re
from importlib.resources import files

import pytest

from driftmeter.server.routes.page import POLICY
from tests.server.harness import Client

LINKS = [
    "/",
    "/ui/",
    "/ui/shop",
    "/ui/shop/features/a%2Fb%20c?at=2026-01-01T00:00:00Z",
    "/ui/%3Cb%3E/incidents/1",
    "/ui/static/features/x",
]


def addresses(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]*)"', page)


@pytest.mark.parametrize("link", LINKS)
def test_every_deep_link_gives_the_page_which_is_asked_for_again_each_time(client: Client, link: str) -> None:
    answer = client.get(link)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("link", LINKS)
def test_what_a_link_leads_to_can_be_asked_for_without_the_page(client: Client, link: str) -> None:
    answer = client.request("HEAD", link)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert client.request("DELETE", link).status_code == 405


@pytest.mark.parametrize("link", LINKS)
def test_addresses_in_the_page_are_relative_to_it_and_lead_to_its_files(client: Client, link: str) -> None:
    page = client.get(link)
    found = [address for address in addresses(page.text) if "ui/static/" in address]
    assert len(found) >= 3
    for address in found:
        assert not address.startswith(("/", "http"))
        assert client.get(str(page.url.join(address))).status_code == 200


def test_the_page_allows_only_files_of_its_server_and_holds_no_script_or_style(client: Client) -> None:
    page = client.get("/")
    assert page.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page.text) == []


def test_files_are_kept_for_ever_by_their_hash_and_not_at_all_by_another(client: Client) -> None:
    address = next(one for one in addresses(client.get("/").text) if one.endswith("main.js"))
    kept = client.get(f"/{address}")
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-type"].startswith("text/javascript")
    other = client.get("/ui/static/0123456789abcdef/main.js")
    assert other.headers["cache-control"] == "no-store"
    assert other.content == kept.content


def test_files_come_with_gzip_where_that_is_read(client: Client) -> None:
    address = next(one for one in addresses(client.get("/").text) if one.endswith("page.css"))
    zipped = client.get(f"/{address}", headers={"Accept-Encoding": "gzip"})
    plain = client.get(f"/{address}", headers={"Accept-Encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.content == plain.content  # httpx has decompressed the one
    assert int(zipped.headers["content-length"]) < len(gzip.compress(plain.content, 1)) < len(plain.content)


@pytest.mark.parametrize("name", ["nothing.js", "..%2F__init__.py", "vendor", "index.html", ""])
def test_what_is_no_file_of_the_page_is_not_found(client: Client, name: str) -> None:
    assert client.get(f"/ui/static/0123456789abcdef/{name}").status_code == 404


def test_modules_import_each_other_by_relative_addresses_alone() -> None:
    static = files("driftmeter.page") / "static"
    names = {one.name for one in static.iterdir() if one.name.endswith(".js")}
    for name in names:
        text = (static / name).read_text()
        for target in re.findall(r'(?:^import|^} from|\bfrom|\bimport\()\s*"([^"]+)"', text, re.MULTILINE):
            assert re.fullmatch(r"\./(vendor/)?[a-z]+\.js", target), f"{name} imports {target}"
            assert (static / target[2:]).is_file()
        assert "innerHTML" not in text
        assert "dangerouslySetInnerHTML" not in text

"""A real browser on a real server. A violation of the security policy, or an error of a script, fails a test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.rig import PageServer

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    # not of the session: until playwright ends, an event loop counts as running, and no other can be run
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: scripts/debian.sh installs it")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    server = PageServer()
    yield server
    server.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that opens an address in a window of its own; what went wrong there is asserted at the end."""
    contexts, faults = [], []

    def opened(address: str, *, width: int = 1440, scheme: str = "light", **options: Any) -> Any:
        viewport = {"width": width, "height": 900}
        context = chromium.new_context(
            viewport=viewport, color_scheme=scheme, timezone_id="Asia/Kathmandu", service_workers="block", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " event => console.error('violates', event.violatedDirective, event.blockedURI))"
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: _note(faults, message))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def _note(faults: list[str], message: Any) -> None:
    # the browser itself tells of each answer that is no success, which some tests want and the page says
    if message.type == "error" and not message.text.startswith("Failed to load resource"):
        faults.append(message.text)

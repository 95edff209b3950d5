"""One request to a metric server, and the options of the commands that send one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

import click

from driftmeter.errors import DriftmeterError
from driftmeter.types import JSON

_TIMEOUT = 30.0  # seconds

url_option = click.option(
    "--url", default="http://localhost:8001", show_default=True, envvar="DRIFTMETER_URL", show_envvar=True,
    metavar="URL", help="The metric server, or the gateway before it.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON and nothing else.")


class UnansweredError(DriftmeterError):
    """The server could not be reached, or did not answer."""


def ask(
    url: str,
    method: str,
    model: str,
    *path: str,
    content: JSON | None = None,
    query: Mapping[str, str] | None = None,
) -> JSON:
    """Send one request about a model and return its JSON, `{}` if the answer has no body.

    Raises DriftmeterError with the server's words if it refuses, and if it cannot be reached.
    """
    from driftmeter.client.transport import model_path

    return ask_path(url, method, model_path(model, *path), content=content, query=query)


def ask_path(
    url: str, method: str, path: str, *, content: JSON | None = None, query: Mapping[str, str] | None = None
) -> JSON:
    """Send one request to a path of a server, as `ask` does."""
    from driftmeter.client.transport import JSON_TYPE, AwayError, Http

    body = None if content is None else json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    address = path + (f"?{urlencode(query)}" if query else "")
    http = Http(url, None)
    try:
        answer = http(method, address, body, JSON_TYPE, _TIMEOUT)
        if not answer.ok:
            raise DriftmeterError(f"{url}: {answer.describe()}")
        return answer.json() if answer.body else {}
    except AwayError as error:
        raise UnansweredError(str(error)) from error
    finally:
        http.close()


def print_json(content: JSON) -> None:
    """Print JSON, indented."""
    click.echo(json.dumps(content, ensure_ascii=False, indent=2))

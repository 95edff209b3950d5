from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.cli.consume import FORMS, settings_of
from driftmeter.errors import InputError
from driftmeter.kafka import forms

CALL = ("consume", "--brokers", "127.0.0.1:9", "--topic", "rows", "--model", "m")


def test_every_form_is_an_option() -> None:
    assert (forms.AUTO, *forms.NAMES) == FORMS


def test_secrets_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    given = [f"sasl.password=file:{secret}", "ssl.key.password=env:KEY", "client.id=a=b", "registry.ssl.ca=x"]
    assert settings_of(given, {"KEY": "k"}) == (
        {"ssl.ca": "x"},
        {"sasl.password": "hunter2", "ssl.key.password": "k", "client.id": "a=b"},
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("sasl.password=env:NO", "sasl.password"),
        ("a=file:/none/there", "--set a"),
        ("hunter2", "KEY=VALUE"),
        ("a=", "--set"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named_without_its_value(given: str, named: str) -> None:
    with pytest.raises(InputError, match=named) as caught:
        settings_of([given], {})
    assert "hunter2" not in str(caught.value)


def test_a_server_and_a_store_are_not_both_the_target() -> None:
    done = CliRunner().invoke(app, [*CALL, "--target", "http://127.0.0.1:9", "--store", "sqlite:///x"])
    assert done.exit_code == 2
    assert "one of the two" in done.output


def test_help_has_a_line_for_each_option_and_examples() -> None:
    text = CliRunner().invoke(app, ["consume", "--help"]).output
    for part in ("--until-end", "--dead-letter", "--allow-compacted", "file:/run/secrets/kafka", "docs/engines.md"):
        assert part in text

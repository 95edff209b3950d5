from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from driftmeter.server.gauges import STATES
from driftmeter.verdict.severity import SEVERITIES
from tests.deploy.contract import KNOWN, METRIC_SERVER, MODEL_SERVER, RARE, VERDICT
from tests.deploy.programs import Run
from tests.support.scripts import load

METRIC = re.compile(r"\b(?:driftmeter|model_server)_\w+\b")


def metrics(text: str) -> set[str]:
    """Return the metrics an expression names: not what it records, and nothing inside of quotes."""
    bare = re.sub(r'"[^"]*"|`[^`]*`', "", text)
    return {match[0] for match in METRIC.finditer(re.sub(r"[\w]+:[\w:]+", "", bare))}


@pytest.fixture(scope="module")
def dashboards(root: Path) -> dict[str, dict[str, Any]]:
    files = sorted((root / "deploy/grafana/dashboards").glob("*.json"))
    return {file.stem: json.loads(file.read_text("utf-8")) for file in files}


def test_the_files_are_what_build_py_writes(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("grafana_foundation_sdk")
    command = [sys.executable, "deploy/grafana/build.py", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for folder in ("dashboards", "community"):
        built = {file.name: file.read_text("utf-8") for file in (tmp_path / folder).iterdir()}
        kept = {file.name: file.read_text("utf-8") for file in (root / "deploy/grafana" / folder).iterdir()}
        assert built == kept


def test_rules_and_dashboards_use_only_metrics_that_are_exposed(root: Path, grafana_queries: ModuleType) -> None:
    groups = yaml.safe_load((root / "deploy/prometheus/rules.yml").read_text())["groups"]
    rules = [rule["expr"] for group in groups for rule in group["rules"]]
    panels = [query.expr for query in grafana_queries.queries("flights", "temp")]
    assert set().union(*map(metrics, rules)) <= KNOWN, "a metric of a rule stands in tests/deploy/contract.py"
    assert set().union(*map(metrics, panels)) == KNOWN, "metrics of panels are those of tests/deploy/contract.py"


def test_rules_use_only_what_rules_record(root: Path) -> None:
    text = (root / "deploy/prometheus/rules.yml").read_text()
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    assert set(re.findall(r"\b\w+:driftmeter_\w+:\w+\b", text)) == recorded


def test_replicas_are_joined_by_max_p_values_by_min_and_processes_by_sum(
    root: Path, grafana_queries: ModuleType
) -> None:
    groups = yaml.safe_load((root / "deploy/prometheus/rules.yml").read_text())["groups"]
    exprs = [rule["expr"] for group in groups for rule in group["rules"]]
    exprs += [query.expr for query in grafana_queries.queries("flights", "temp") if query.panel[0] != "$"]
    for expr in exprs:
        for name in metrics(expr):
            if name in VERDICT:
                join = "min" if name == "driftmeter_feature_p_value" else "max"
                pattern = rf"{join} by \([\w, ]+\) \({name}\b"
            else:
                assert name in METRIC_SERVER or name in MODEL_SERVER
                pattern = rf"sum(?: by \([\w, ]+\) )?\((?:rate|increase)\({name}\b"
            assert re.search(pattern, expr), expr


def test_a_panel_of_a_counter_that_has_not_counted_shows_zero(grafana_queries: ModuleType) -> None:
    for query in grafana_queries.queries("flights", "temp"):
        if metrics(query.expr) & RARE:
            assert "or on () " in query.expr


def test_prometheus_reads_every_query(grafana_queries: ModuleType, tmp_path: Path, run: Run) -> None:
    queries = grafana_queries.queries('odd "model" (v1.2)\\', 'odd "feature" + 1')
    rules = [{"record": f"query{place}", "expr": query.expr} for place, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    run("promtool", "check", "rules", file)


def test_a_variable_that_nobody_fills_in_is_an_error(
    grafana_queries: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    panel = {"title": "Panel", "targets": [{"expr": "up{job=~'$job'}"}]}
    (tmp_path / "board.json").write_text(json.dumps({"title": "Board", "panels": [panel]}))
    monkeypatch.setattr(grafana_queries, "DASHBOARDS", tmp_path)
    with pytest.raises(ValueError, match="got job"):
        grafana_queries.queries("flights", "temp")


def test_panels_have_their_own_place_and_their_own_number(dashboards: dict[str, dict[str, Any]]) -> None:
    for name, board in dashboards.items():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not taken & cells, (name, panel["title"])
            assert place["x"] + place["w"] <= 24, (name, panel["title"])
            taken |= cells
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(set(numbers)) == len(numbers)


def test_panels_say_what_they_show(dashboards: dict[str, dict[str, Any]]) -> None:
    for board in dashboards.values():
        for panel in board["panels"]:
            assert panel["type"] == "row" or panel["description"]


def test_dashboards_ask_the_data_source_that_is_provisioned(root: Path, dashboards: dict[str, dict[str, Any]]) -> None:
    file = root / "deploy/grafana/provisioning/datasources/prometheus.yml"
    (source,) = yaml.safe_load(file.read_text())["datasources"]
    for name, board in dashboards.items():
        assert board["uid"] == name
        (variable,) = (one for one in board["templating"]["list"] if one["type"] == "datasource")
        assert (variable["query"], variable["current"]["value"]) == (source["type"], source["uid"])
        panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}


def imported(board: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    """Return the dashboard as Grafana's importer makes it: `${NAME}` of each of `__inputs` replaced in every text."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items() if key != "__inputs"}
        if isinstance(value, list):
            return [filled(one) for one in value]
        return (
            re.sub(r"\$\{\w+\}", lambda match: values.get(match[0], match[0]), value)
            if isinstance(value, str)
            else value
        )

    values = {f"${{{one['name']}}}": given[one["name"]] for one in board["__inputs"]}
    made: dict[str, Any] = filled(board)
    return made


def test_the_boards_of_the_community_are_those_here_once_imported(
    root: Path, dashboards: dict[str, dict[str, Any]]
) -> None:
    given = {"DS_PROMETHEUS": "driftmeter-prometheus", "VAR_PAGE": "http://localhost:8001"}
    boards = [json.loads(file.read_text("utf-8")) for file in (root / "deploy/grafana/community").iterdir()]
    assert {board["uid"] for board in boards} == set(dashboards)
    for board in boards:
        text = json.dumps({key: value for key, value in board.items() if key != "__inputs"})
        assert not [value for value in given.values() if value in text], "as an input only"
        made = imported(board, given)
        required = made.pop("__requires")
        kinds = {panel["type"] for panel in made["panels"]} - {"row"}
        assert {one["id"] for one in required} == {"grafana", "prometheus", *kinds}
        assert (made.pop("id"), made.pop("editable")) == (None, True)
        assert made == {key: value for key, value in dashboards[board["uid"]].items() if key != "editable"}
        assert made["schemaVersion"] >= 36
        assert not re.findall(r"\$\{(?:DS|VAR)_\w+", json.dumps(made)), "an input that nobody asks for"


def test_each_board_marks_incidents_and_has_the_variables_that_its_links_and_queries_take(
    dashboards: dict[str, dict[str, Any]],
) -> None:
    for name, board in dashboards.items():
        (incidents,) = board["annotations"]["list"]
        assert "driftmeter_incident{" in incidents["expr"]
        variables = {one["name"] for one in board["templating"]["list"]}
        used = set(re.findall(r"\$\{(\w+)[:}]", json.dumps(board))) | set(re.findall(r"\$(\w+)", json.dumps(board)))
        assert {one for one in used if not one.startswith("__")} == variables, name
    assert variables_of(dashboards["driftmeter-feature"]) == ["datasource", "page", "model", "feature"]


def variables_of(board: dict[str, Any]) -> list[str]:
    return [one["name"] for one in board["templating"]["list"]]


def test_words_and_limits_and_colours_are_those_of_the_live_page(root: Path) -> None:
    words = load(root / "deploy/grafana/words.py")
    script = (root / "src/driftmeter/page/static/words.js").read_text()
    style = (root / "src/driftmeter/page/static/page.css").read_text()
    colours = dict(re.findall(r"--(\w+): light-dark\((#\w{6}),", style))

    def block(name: str) -> str:
        return script.partition(f"const {name} = {{")[2].partition("};")[0]

    states = {STATES[state]: pair for state, *pair in re.findall(r'(\w+): \["(.+)", "(\w+)"\]', block("STATES"))}
    assert len(states) == len(STATES) - 1, "all but drifting"
    of_state = {float(value): pair for value, pair in words.STATES.items()}
    assert {value: of_state[value] for value in states} == {
        value: (word, colours[look]) for value, (word, look) in states.items()
    }
    for place, severity in enumerate(SEVERITIES[1:], start=1):
        assert of_state[STATES["drifting"] + place] == (f"{severity} drift", colours[severity])
    for state, headline in re.findall(r'(\w+): "(.+)"', block("HEADLINES")):
        assert words.HEADLINES[str(STATES[state])][0] == headline
    for ranges, function in ((words.SURE, "evidenceWord"), (words.LARGE, "effectWord")):
        body = script.partition(f"function {function}(")[2].partition("\n}")[0]
        limits = re.findall(r'>= (-?[\d.]+)(?:\) return| \?) "(.+?)"', body)
        assert [(limit, word) for limit, word, _ in ranges[:-2]] == [(float(limit), word) for limit, word in limits]
        assert f': "{ranges[-2][1]}"' in body, "below all limits"
    assert f'return "{words.SURE[-1][1]}"' in script


def test_grafana_finds_the_dashboards_where_compose_mounts_them(root: Path) -> None:
    provider = yaml.safe_load((root / "deploy/grafana/provisioning/dashboards/driftmeter.yml").read_text())
    compose = yaml.safe_load((root / "compose.yaml").read_text())
    path = provider["providers"][0]["options"]["path"]
    grafana = compose["services"]["grafana"]
    assert f"./deploy/grafana/dashboards:{path}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].startswith(path)


def test_a_link_to_a_feature_leads_to_its_dashboard(dashboards: dict[str, dict[str, Any]]) -> None:
    links = re.findall(r"/d/([\w-]+)\?", json.dumps(dashboards))
    assert links
    assert set(links) <= set(dashboards)

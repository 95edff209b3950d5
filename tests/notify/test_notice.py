from __future__ import annotations

from typing import Any

import pytest

from driftmeter.notify import Notice, notices, reminder
from driftmeter.types import JSON

SINCE = "2023-11-14T22:13:20.500Z"


def feature(name: str, **more: Any) -> JSON:
    return {"feature": name, "since": SINCE, **more}


def incident(number: int, *features: JSON, closed: str | None = None) -> JSON:
    opened = f"2023-11-14T22:{number:02d}:00.000Z"
    state = "closed" if closed else "open"
    return {
        "id": f"{number}",
        "state": state,
        "opened": opened,
        "since": SINCE,
        "closed": closed,
        "features": list(features) or [feature("temp")],
    }


def only(*features: JSON, url: str | None = None, model: str = "flights") -> Notice:
    """The notice of an incident of some features that has opened."""
    (notice,) = notices(model, [], [incident(14, *features)], url)
    return notice


END = "2023-11-14T22:30:00.000Z"
AGAIN, LATER = "2023-11-15T22:30:00.000Z", "2023-11-18T22:30:00.000Z"
REOPENED = {**incident(14), "reopened": AGAIN}
CHANGED = incident(14, feature("temp", changed_again=AGAIN))
OPEN, OTHER, CLOSED = incident(14), incident(16), incident(14, closed=END)


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ([], [], []),
        ([], [OPEN], ["14:opened"]),
        ([OPEN], [OPEN], []),
        ([OPEN], [incident(14, feature("temp"), feature("wind"))], []),
        ([OPEN], [CLOSED], ["14:closed"]),
        ([CLOSED], [CLOSED], []),
        ([], [CLOSED], ["14:opened", "14:closed"]),
        ([], [OTHER, OPEN], ["14:opened", "16:opened"]),
        ([OPEN], [incident(40), CLOSED], ["14:closed", "40:opened"]),
        ([OPEN], [], []),
        ([CLOSED], [REOPENED], [f"14:reopened:{AGAIN}"]),
        ([REOPENED], [REOPENED], []),
        ([CLOSED], [{**REOPENED, "state": "closed", "closed": LATER}], [f"14:reopened:{AGAIN}", f"14:closed:{AGAIN}"]),
        ([OPEN], [CHANGED], [f"14:changed:{AGAIN}"]),
        ([CHANGED], [CHANGED], []),
    ],
)
def test_incidents_that_opened_or_closed_between_two_lists_are_noticed_in_the_order_of_time(
    before: list[JSON], after: list[JSON], keys: list[str]
) -> None:
    assert [notice.key for notice in notices("flights", before, after, now=END)] == keys


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ("slight", "major", True),
        ("minor", "major", True),
        ("slight", "minor", False),
        ("major", "major", False),
        ("major", "minor", False),
    ],
)
def test_an_open_incident_that_becomes_major_is_told_once(before: str, after: str, worse: bool) -> None:
    earlier, later = incident(14, feature("temp", severity=before)), incident(14, feature("temp", severity=after))
    told = notices("flights", [earlier], [later], now=END)
    assert [notice.key for notice in told] == (["14:worse"] if worse else [])
    for notice in told:
        assert (notice.title, notice.kind) == ("driftmeter: flights now drifts by much more: temp", "failure")
        assert "(much worse at 2023-11-14 22:30:00 UTC)\nHow bad: major" in notice.body
        assert "driftmeter acknowledge flights 14" in notice.body


@pytest.mark.parametrize(
    ("names", "title"),
    [
        ("a", "driftmeter: flights drifts: a"),
        ("a b", "driftmeter: flights drifts: a and b"),
        ("a b c", "driftmeter: flights drifts: a, b and c"),
        ("a b c d", "driftmeter: flights drifts: a, b and 2 more"),
    ],
)
def test_the_title_names_the_model_and_the_first_features(names: str, title: str) -> None:
    assert only(*map(feature, names.split())).title == title


def test_a_title_is_one_line_whatever_the_names_hold() -> None:
    title = only(feature("two\nlines"), feature("x" * 500), model="a\nb").title
    assert title.startswith("driftmeter: a b drifts: two lines and xxx")
    assert len(title) < 200


def test_the_worst_feature_comes_first_and_derived_ones_last() -> None:
    notice = only(
        feature("product", role="derived", severity="major", evidence=9.0),
        feature("unsure", severity="minor"),
        feature("sure", severity="minor", evidence=2.0),
        feature("surer", severity="minor", evidence=3.0),
        feature("delay", role="prediction", severity="major", evidence=0.1),
    )
    assert [feature.name for feature in notice.features] == ["delay", "surer", "sure", "unsure", "product"]


def test_what_is_to_blame_comes_first_and_what_follows_is_counted_out_of_the_title() -> None:
    notice = only(
        feature("humid given the rest", role="derived", severity="major", evidence=9.0, why="It fell.", follows="temp"),
        feature("temp", role="feature", severity="minor", evidence=2.0, why="It fell, <!channel>."),
        feature("delay", role="prediction", severity="minor", evidence=0.1, follows="temp"),
        feature("late", severity="minor", over=LATER),
    )
    assert notice.title == "driftmeter: flights drifts: temp and late"
    lines = notice.body.splitlines()
    assert lines[1] == "temp: it fell, ‹!channel›; delay, and humid given the rest, follow."
    assert lines[5:][:5] == [
        "Features: 4, what is to blame first",
        "- temp, minor: It fell, ‹!channel›.",
        "- late, minor: drifts since 2023-11-14 22:13:20 UTC",
        "- delay (prediction), minor: follows temp",
        "- humid given the rest (derived), major: follows temp",
    ]


def test_the_body_says_what_since_when_how_bad_why_and_what_to_do() -> None:
    why = "41 % of its rows are above 35, 3 % of the reference are."
    notice = only(
        feature("temp", role="feature", severity="major", evidence=4.0, why=why),
        feature("wind"),
        feature("heat", role="derived", severity="minor"),
        url="https://drift.example.com/",
        model="my flights",
    )
    assert notice.body == "\n".join(
        [
            "What model my flights is asked to predict on no longer looks like its reference data.",
            "",
            "Since: 2023-11-14 22:13:20 UTC (sure of it at 2023-11-14 22:14:00 UTC)",
            "How bad: major",
            "Features: 3, worst first",
            f"- temp, major: {why}",
            "- wind, slight: drifts since 2023-11-14 22:13:20 UTC",
            "- heat (derived), minor: drifts since 2023-11-14 22:13:20 UTC",
            "",
            "What to do: see in the report what changed, https://drift.example.com/v1/models/my%20flights/report",
            "and look for what was deployed, or what delivers these features, shortly before it began.",
            "To say that you are on it: driftmeter acknowledge 'my flights' 14",
        ]
    )


def test_the_body_lists_ten_features_and_counts_the_rest() -> None:
    notice = only(*(feature(f"f{number:02d}", why="x" * 1000) for number in range(13)))
    lines = [line for line in notice.body.splitlines() if line.startswith("- ")]
    assert len(lines) == 11
    assert lines[9].startswith("- f09")
    assert lines[10] == "- and 3 more"
    assert max(map(len, lines)) < 330


def test_a_notice_of_the_end_says_that_nothing_is_left_to_do() -> None:
    (notice,) = notices("flights", [OPEN], [CLOSED])
    assert notice.title == "driftmeter: flights no longer drifts: temp"
    assert notice.body == "\n".join(
        [
            "What model flights is asked to predict on looks like its reference data again.",
            "",
            "Since: 2023-11-14 22:13:20 UTC",
            "Over at: 2023-11-14 22:30:00 UTC",
            "Features: temp",
            "",
            "Nothing is left to do. The report: /v1/models/flights/report on the metric server",
        ]
    )


def closed(*features: JSON) -> Notice:
    """The notice of the end of an incident of some features."""
    (notice,) = notices("flights", [OPEN], [incident(14, *features, closed=END)], "http://drift.example.com")
    return notice


def test_a_notice_of_an_incident_that_was_ended_does_not_say_that_the_drift_is_over() -> None:
    notice = closed(
        feature("temp", severity="major", ended="expected"),
        feature("wind", ended="silenced"),
        feature("visib", ended="returned"),
    )
    assert (notice.key, notice.kind) == ("14:closed", "info")
    assert notice.title == "driftmeter: flights may still drift, an incident is closed: temp and wind"
    assert notice.body == (
        "An incident of model flights is closed, but its drift is not known to be over and may go on.\n"
        "\n"
        "Since: 2023-11-14 22:13:20 UTC\n"
        "Closed at: 2023-11-14 22:30:00 UTC\n"
        "Drift was expected: temp\n"
        "Does not page by the settings: wind\n"
        "Looks like its reference data again: visib\n"
        "\n"
        "What still drifts when it is no longer expected pages again.\n"
        "The report: http://drift.example.com/v1/models/flights/report"
    )


def test_what_is_silenced_alone_is_not_said_to_page_again() -> None:
    notice = closed(feature("wind", ended="silenced"))
    assert notice.title == "driftmeter: flights may still drift, an incident is closed: wind"
    assert "pages again" not in notice.body
    assert "expected" not in notice.body
    assert "Looks like" not in notice.body


@pytest.mark.parametrize(
    ("severities", "kind"), [(["minor", "none"], "warning"), (["minor", "major"], "failure"), ([], "warning")]
)
def test_a_major_feature_makes_it_grave(severities: list[str], kind: str) -> None:
    features = [feature(f"f{number}", severity=severity) for number, severity in enumerate(severities)]
    assert only(*features).kind == kind


def test_what_followed_a_feature_that_is_over_is_told_as_a_cause() -> None:
    over = "2023-11-14T22:30:00.000Z"
    humid = feature("humid", why="It fell.", follows="temp", over=None)
    body = only(feature("temp", over=over), humid).body
    assert "- humid, slight: It fell." in body
    assert "follows" not in body


def test_the_end_is_good_news() -> None:
    assert notices("flights", [OPEN], [CLOSED])[0].kind == "success"


def test_a_notice_of_a_takeover_does_not_say_that_the_drift_is_over() -> None:
    notice = Notice.of("flights", OPEN, "closed", END, "http://drift.example.com", overtaken=True)
    assert (notice.key, notice.kind) == ("14:closed", "info")
    assert notice.title == "driftmeter: flights goes by another profile, which closes an incident: temp"
    assert notice.body == (
        "Another profile took over from the one by which model flights drifted.\n"
        "\n"
        "Since: 2023-11-14 22:13:20 UTC\n"
        "Closed at: 2023-11-14 22:30:00 UTC\n"
        "Features: temp\n"
        "\n"
        "Whether the model drifts by the new one, the report says: http://drift.example.com/v1/models/flights/report"
    )


def test_a_change_that_returns_or_changes_again_is_told_as_that() -> None:
    (again,) = notices("flights", [CLOSED], [REOPENED])
    assert (again.title, again.kind) == ("driftmeter: flights drifts again: temp", "warning")
    assert "as it did in an incident that had closed" in again.body
    (changed,) = notices("flights", [OPEN], [CHANGED])
    assert changed.title == "driftmeter: flights still drifts, and has changed again: temp"
    assert "drifts otherwise than when the incident opened" in changed.body


def test_a_reminder_is_one_of_all_that_is_open_and_says_how_that_ends() -> None:
    over = feature("visib", over=END)
    notice = reminder("flights", [incident(16, feature("wind"), over), OPEN, CLOSED], LATER)
    assert notice is not None
    assert (notice.key, notice.kind) == ("reminder:2023-11-18", "info")
    assert notice.title == "driftmeter: flights still drifts: temp and wind"
    assert "(as of 2023-11-18 22:30:00 UTC)" in notice.body
    assert "driftmeter expect flights" in notice.body
    assert "--from-live" in notice.body
    assert reminder("flights", [CLOSED], LATER) is None


def test_live_data_in_a_sentence_calls_nobody() -> None:
    body = only(feature("temp", why="Never seen before ('<!channel> @all <https://a.b|x>').")).body
    assert "('‹!channel› ＠all ‹https://a.b|x›')" in body

from __future__ import annotations

from collections.abc import Mapping

import pytest

from driftmeter.client.intake import Intake
from driftmeter.client.session import HEARTBEAT, KEEP_PANES, Session
from driftmeter.client.transport import Answer, AwayError
from driftmeter.panes.pane import PaneKey
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.types import JSON
from tests.client.samples import make_profile

SERVER = 1_700_000_000_000
HEADERS = {
    "driftmeter-digest": "d",
    "driftmeter-time": str(SERVER),
    "driftmeter-pane": "2000",
    "driftmeter-lateness": "3000",
}


def content(digest: str = "d") -> JSON:
    return {"digest": digest, "time_ms": SERVER, "pane_ms": 2_000, "lateness_ms": 3_000}


def answer(headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that came in no time at 100 s of the local clock."""
    return Answer(200, headers or {}, b"", sent=100.0, received=100.0)


def test_nothing_is_known_at_the_start(profile: Profile) -> None:
    session = Session(profile)
    assert (session.outdated, session.reported, session.terms(100.0), session.forget_before(100.0)) == (
        *(True, False),
        *(None, None),
    )


@pytest.mark.parametrize("learnt_from", ["content", "headers"])
def test_timing_and_time_come_from_an_answers_json_or_its_headers(learnt_from: str) -> None:
    session = Session(None)
    digest = session.learn(answer(), content()) if learnt_from == "content" else session.learn(answer(HEADERS))
    assert digest == "d"
    assert session.timing == Timing(2_000, 3_000)
    assert session.server_time.at(101.0) == SERVER + 1_000


@pytest.mark.parametrize("missing", ["time_ms", "pane_ms", "lateness_ms", "digest"])
def test_an_answer_that_lacks_something_is_none_of_a_metric_server(missing: str) -> None:
    session = Session(None)
    broken = content()
    del broken[missing]
    with pytest.raises(AwayError, match=f"no answer of a metric server: KeyError: '{missing}'"):
        session.learn(answer(), broken)
    assert session.timing is None


def test_panes_that_make_no_sense_are_none_of_a_metric_server() -> None:
    with pytest.raises(AwayError, match="no answer of a metric server: InputError"):
        Session(None).learn(answer(), {**content(), "pane_ms": 0})


def test_rows_are_counted_once_profile_and_timing_are_known(profile: Profile) -> None:
    session = Session(profile)
    session.learn(answer(), content(profile.digest))
    assert session.terms(100.0) is None
    session.compile_given()
    terms = session.terms(103.0)
    assert terms is not None
    assert (terms.now, terms.current_pane) == (SERVER + 3_000, PaneKey(SERVER + 2_000, 2_000, profile.digest))


def test_a_session_without_a_profile_follows_the_servers(profile: Profile) -> None:
    session = Session(None)
    assert session.lacks(profile.digest)
    session.intake, session.outdated = Intake(profile), False
    session.learn(answer(), content(profile.digest))
    assert (session.lacks(profile.digest), session.outdated) == (False, False)
    session.learn(answer(), content("newer"))
    assert (session.lacks("newer"), session.outdated) == (True, True)


def test_a_session_with_a_profile_stays_with_it(profile: Profile) -> None:
    session = Session(profile)
    session.compile_given()
    session.outdated = False
    session.learn(answer(), content(make_profile(1).digest))
    assert (session.lacks(make_profile(1).digest), session.outdated) == (False, False)


@pytest.mark.parametrize(
    ("last_contact", "moment", "due"),
    [
        (None, 1e9, False),
        (100.0, 100.0 + HEARTBEAT - 0.001, False),
        (100.0, 100.0 + HEARTBEAT, True),
    ],
)
def test_a_heartbeat_is_due_where_a_source_that_reported_was_silent(
    last_contact: float | None, moment: float, due: bool
) -> None:
    session = Session(None)
    session.last_contact = last_contact
    assert session.heartbeat_due(moment) is due


def test_panes_are_let_go_of_when_no_row_can_come_for_them() -> None:
    session = Session(None)
    session.learn(answer(), content())
    assert session.forget_before(160.0) == SERVER + 60_000 - 3_000 - KEEP_PANES

"""What a sentence tells, beside the numbers of the raw rows: direction, size, span, share and names."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from driftmeter.fitting.from_live import profile_from_live
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Floats
from driftmeter.verdict.judge import Judge
from tests.verdict.faults import FAULTS, PANES, ROWS, Fault
from tests.verdict.streams import PANE, START, feature_of, follow, summary_of, verdict_of

_NUMBER = r"-?[\d,]+(?:\.\d+)?(?:e[+-]\d+)?"
_SENTENCE = re.compile(
    rf"(?P<what>.*?) ?(?P<moved>rose|fell) from (?P<was>{_NUMBER})(?P<shares> %)? to (?P<beyond>above |below )?"
    rf"(?P<now>{_NUMBER})(?: %)?(?P<how> on average| in the median| of the rows| of the values)?"
    rf"(?:, (?:more|less) than the reference ever had)?(?: \((?P<by>{_NUMBER}) standard deviations?\))?"
    r"(?: \((?P<names>'.*?)\))?(?P<gone>, '.* vanished)?, over (?P<rows>[\d,]+) rows(?: in (?P<span>\S+ \S+))?\."
)


def number(text: str) -> float:
    return float(text.replace(",", ""))


def step(text: str) -> float:
    """Return what the last digit of a number stands for; of a whole number that of its last digit that is no zero."""
    digits, _, exponent = text.replace(",", "").lstrip("-").partition("e")
    whole, _, decimals = digits.partition(".")
    zeros = len(whole) - len(whole.rstrip("0")) if not decimals and whole.strip("0") else 0
    return 10.0 ** (zeros - len(decimals) + int(exponent or 0))


@dataclass(frozen=True)
class Told:
    """A sentence, taken apart."""

    what: str
    moved: str
    was: str
    now: str
    how: str
    by: str | None
    names: str | None
    beyond: bool
    rows: int
    span: str | None

    @classmethod
    def by_sentence(cls, sentence: str) -> Told:
        found = _SENTENCE.fullmatch(sentence[0].lower() + sentence[1:])
        assert found is not None, sentence
        part = found.groupdict()
        return cls(
            part["what"], part["moved"], part["was"], part["now"], (part["how"] or "").strip(), part["by"],
            part["names"], part["beyond"] is not None, int(number(part["rows"])), part["span"],
        )  # fmt: skip


def values_of(fault: Fault, frame: pl.DataFrame, reference: pl.DataFrame) -> pl.Series:
    """Return the raw values that a sentence is about: of a derived feature what a regression leaves unexplained."""
    if fault.other is None:
        return frame["x"]
    x, y = reference["x"].to_numpy(), reference["y"].to_numpy()
    slope, base = np.polyfit(y, x, 1)
    return pl.Series(frame["x"].to_numpy() - base - slope * frame["y"].to_numpy())


def share_of(what: str, values: pl.Series, reference: pl.Series) -> float:
    """Return the share of all raw rows of which a sentence says `what`."""
    rows = values.to_list()
    if category := re.fullmatch(r"(?:category|value) '?(.*?)'?", what):
        return sum(str(row).lower() == category[1].lower() for row in rows) / len(rows)
    if hour := re.fullmatch(r"hour (\d+)", what):
        return float(np.mean([row.hour == int(hour[1]) for row in rows]))
    if what == "missing values":
        return sum(row is None for row in rows) / len(rows)
    if what == "categories never seen before":
        known = set(reference.to_list())
        return sum(row not in known for row in rows) / len(rows)
    if what.startswith("unreadable"):
        return sum(isinstance(row, str) and not row.replace(".", "").lstrip("-").isdigit() for row in rows) / len(rows)
    array = numbers_of(values)
    if what == "infinite values":
        return float(np.isinf(array).mean())
    near = re.fullmatch(rf"values from ({_NUMBER}) to ({_NUMBER}), (?:above|below) the reference's range,", what)
    if near:
        return float(((array > number(near[1])) & (array < number(near[2]))).mean())
    if far := re.fullmatch(rf"values from ({_NUMBER}) on, far above the reference's range,", what):
        return float((array >= number(far[1])).mean())
    beyond = re.fullmatch(rf"values (above|below) ({_NUMBER}), (?:far below )?the reference's \w+,", what)
    assert beyond is not None, what
    limit = number(beyond[2])
    return float(((array > limit) if beyond[1] == "above" else (array < limit)).mean())


def share_within(what: str, values: pl.Series) -> float:
    """Return the share of the finite values within the interval that a sentence names."""
    array = finite(values)
    if one := re.fullmatch(rf"the value ({_NUMBER})", what):
        return float((array == number(one[1])).mean())
    between = re.fullmatch(rf"values (?:from ({_NUMBER}))?(?: on)?(?: ?(?:up )?to ({_NUMBER}))?", what)
    assert between is not None, what
    low = number(between[1]) if between[1] else -np.inf
    high = number(between[2]) if between[2] else np.inf
    return float(((array >= low) & (array <= high)).mean())


def numbers_of(values: pl.Series) -> Floats:
    array: Floats = values.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    return array


def finite(values: pl.Series) -> Floats:
    array = numbers_of(values)
    return array[np.isfinite(array)]


def measure(told: Told, values: pl.Series) -> float:
    """Return a measure of the raw values, as a sentence names it."""
    array = finite(values)
    if told.how == "on average":
        return float(array.mean())
    if told.how == "in the median":
        return float(np.median(array))
    if told.what == "the standard deviation of the values":
        return float(array.std())
    assert told.what == "the width of the middle half of the values", told
    return float(np.subtract(*np.quantile(array, [0.75, 0.25])))


def check(told: Told, fault: Fault, reference: pl.DataFrame, now: pl.DataFrame) -> None:
    """Compare a sentence with the raw rows."""
    before, after = values_of(fault, reference, reference), values_of(fault, now, reference)
    if told.how == "of the rows":
        truths = [share_of(told.what, sample, before) for sample in (before, after)]
    elif told.how == "of the values":
        truths = [share_within(told.what, sample) for sample in (before, after)]
    else:
        truths = [measure(told, sample) for sample in (before, after)]
    moved = truths[1] - truths[0]
    assert (moved > 0) == (told.moved == "rose"), (told, truths)
    assert told.was != told.now
    for text, truth in zip((told.was, told.now), truths, strict=True):
        scale = 100 if told.how.startswith("of the") else 1
        near = 0.51 * step(text) + 0.02 * abs(moved) * scale
        if told.beyond and text == told.now:
            assert (truth > number(text) - near) == (told.moved == "rose")
        else:
            assert number(text) == pytest.approx(truth * scale, abs=near), (told, truths)
    if told.by is not None:
        true = abs(moved) / finite(before).std()
        assert number(told.by) == pytest.approx(true, abs=0.51 * step(told.by) + 0.03 * true)
    if told.names is not None:
        known = set(before.to_list())
        new = Counter(value for value in after.to_list() if value not in known)
        named = re.findall(r"'(.*?)' ([\d.]+) %", told.names)
        assert [name for name, _ in named] == [name for name, _ in new.most_common(3)]
        assert all(float(share) == pytest.approx(100 * new[name] / len(after), abs=0.051) for name, share in named)
        assert (f"and {len(new) - 3} more" in told.names) == (len(new) > 3)


@pytest.mark.parametrize("name", FAULTS)
def test_an_alarm_tells_what_the_raw_rows_say(name: str) -> None:
    sentence, reference, now = FAULTS[name].live()
    assert sentence.startswith(FAULTS[name].sentence)
    told = Told.by_sentence(sentence)
    check(told, FAULTS[name], reference, now[-told.rows :])
    assert told.rows % ROWS == 0
    assert told.span == f"{told.rows // ROWS * PANE // 1000} s"
    assert (told.names is not None) == (told.what == "categories never seen before")


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_of_the_same_rows_tells_what_they_say(name: str) -> None:
    sentence, reference, now = FAULTS[name].checked()
    told = Told.by_sentence(sentence)
    check(told, FAULTS[name], reference, now)
    assert (told.rows, told.span) == (PANES * ROWS, None)
    assert (told.names is not None) == (told.what == "categories never seen before")


def test_there_are_forty_faults_and_all_kinds_of_words() -> None:
    assert len(FAULTS) >= 40
    hows = Counter(Told.by_sentence(fault.live()[0]).how for fault in FAULTS.values())
    assert set(hows) == {"on average", "in the median", "of the rows", "of the values", ""}


def test_the_strict_detector_tells_the_same_of_all_rows_since_the_start() -> None:
    fault = FAULTS["a rise of a half"]
    sentence, reference, now = fault.live(guarantee="strict")
    told = Told.by_sentence(sentence)
    check(told, fault, reference, now[-told.rows :])
    assert told.how == "on average"


def test_a_profile_from_live_traffic_tells_in_the_same_unit() -> None:
    fault = FAULTS["a plain fall"]
    reference, now = fault.frames()
    first = fault.profile(reference)
    live = Slice(START, HOUR, summary_of(first, reference + 20.0))
    profile = profile_from_live(first, [live], ModelSettings())
    (verdict,) = compare(profile, now).verdict.features
    told = Told.by_sentence(verdict.why)
    assert (told.moved, told.how) == ("fell", "on average")
    assert number(told.was) == pytest.approx(float(reference["x"].to_numpy().mean()) + 20, abs=1.0)
    assert number(told.now) == pytest.approx(float(now["x"].to_numpy().mean()), abs=1.0)


def test_by_the_hour_a_night_is_compared_with_nights() -> None:
    chance = np.random.default_rng(52)

    def traffic(first: int, days: int, hours: range, shift: float) -> pl.DataFrame:
        rows = [(day, hour) for day in range(first, first + days) for hour in hours for _ in range(40)]
        day, hour = np.array(rows).T
        at = START + day * DAY + hour * HOUR + chance.integers(0, HOUR, len(rows))
        x = 50 + 9 * np.sin(2 * np.pi * (hour - 6) / 24) + 8 * chance.normal(size=len(rows)) + shift
        return pl.DataFrame({"x": x, "at": pl.Series(at).cast(pl.Datetime("ms"))}).sort("at")

    reference, now = traffic(0, 60, range(24), 0.0), traffic(60, 4, range(4), 6.0)
    profile = Profile.fit(reference, model="m", time="at", by_hour=True)
    judge = Judge(profile)
    panes = [
        Slice(START + (60 + place // 4) * DAY + place % 4 * HOUR, HOUR, summary_of(profile, now[place * 40 :][:40]))
        for place in range(16)
    ]
    state, _ = follow(judge, panes)
    why = feature_of(verdict_of(judge, state, panes[-1]), "x").why
    assert ", compared with the same hours of the reference, over " in why
    told = Told.by_sentence(why.replace(", compared with the same hours of the reference", ""))
    hour = pl.col("at").dt.hour()
    nights = [float(reference.filter(hour == night)["x"].to_numpy().mean()) for night in range(4)]
    assert (told.moved, told.how) == ("rose", "on average")
    assert now["x"].to_numpy().mean() < reference["x"].to_numpy().mean()
    # whichever of these hours the window that alarms is of
    assert min(nights) - 0.5 < number(told.was) < max(nights) + 0.5
    # 80 rows with a deviation of 8, and the strongest window of several
    assert number(told.now) - number(told.was) == pytest.approx(6, abs=3 * 8 / np.sqrt(told.rows))

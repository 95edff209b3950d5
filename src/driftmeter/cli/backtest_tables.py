"""What a backtest prints at its end: its events, how soon faults were seen, and pages against delay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from driftmeter.backtest import Course, Event, FaultDetection, History
from driftmeter.cli.console import console, plain
from driftmeter.page.texts import printable
from driftmeter.timestamps import duration_text, iso, length_text
from driftmeter.types import JSON, Milliseconds

_MOST_EVENTS = 200


def seen_json(history: History, course: Course) -> Iterator[JSON]:
    """Yield a line for each injected fault."""
    for fault in history.faults:
        yield {"event": "fault", **course.seen(fault, history).to_json()}


def curve_json(history: History, courses: Sequence[Course]) -> Iterator[JSON]:
    """Yield a line for each budget."""
    for course in courses:
        pages = course.pages_per_month(history.start, history.clean_until)
        yield {
            "event": "budget",
            "budget": duration_text(course.settings.budget),
            "alarms": course.alarms,
            "pages": len(course.pages),
            "pages_per_30_days": None if pages is None else round(pages, 3),
            "faults": [course.seen(fault, history).to_json() for fault in history.faults],
        }


def show_course(history: History, course: Course) -> None:
    """Print the events in order of time, how soon each fault was seen, and a summary."""
    out = console()
    if course.events:
        table = Table("at", "", "feature", "role", "since", box=None, header_style="bold", pad_edge=False)
        table.add_column("severity")
        table.add_column("effect", justify="right")
        table.add_column("evidence", justify="right")
        table.add_column("why")
        for event in course.events[:_MOST_EVENTS]:
            table.add_row(*_cells(event))
        out.print(table)
        if len(course.events) > _MOST_EVENTS:
            out.print(f"… and {len(course.events) - _MOST_EVENTS:,} more; --json has all.", style="yellow")
        out.print()
    for fault in history.faults:
        seen = course.seen(fault, history)
        out.print(
            Text.assemble(printable(fault.text), ": ", (_seen_text(seen), "" if seen.at else "bold red")),
            soft_wrap=True,
        )
    out.print(plain(_summary(history, course)), soft_wrap=True)


def show_curve(history: History, courses: Sequence[Course]) -> None:
    """Print pages against delay, a line for each budget."""
    out = console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    clean = " before the faults" if history.faults else ""
    for name in ("budget", "alarms", "pages", f"pages per 30 days{clean}"):
        table.add_column(name, justify="right")
    for fault in history.faults:
        table.add_column(plain(fault.text))
    for course in courses:
        table.add_row(
            duration_text(course.settings.budget),
            f"{course.alarms:,}",
            f"{len(course.pages):,}",
            _rate(course.pages_per_month(history.start, history.clean_until)),
            *(_seen_text(course.seen(fault, history)) for fault in history.faults),
        )
    out.print(table)
    out.print()
    out.print(plain(_period(history)), soft_wrap=True)


def _cells(event: Event) -> tuple[Text | str, ...]:
    alarm = event.event == "alarm"
    what = Text("page", "bold red") if event.pages else Text("alarm", "red") if alarm else Text("closed", "green")
    return (
        _minute(event.at),
        what,
        plain(event.feature),
        event.role,
        _minute(event.since),
        event.severity or "",
        "" if event.effect is None else f"{event.effect:.3f}",
        "" if event.evidence is None else f"{event.evidence:+.1f}",
        plain(event.why or ""),
    )


def _seen_text(seen: FaultDetection) -> str:
    already = "" if seen.already is None else f"; its column was alarming already, from {_minute(seen.already)} on"
    if seen.at is None or seen.rows is None or seen.delay is None:
        return f"never seen{already}"
    return f"seen after {seen.rows:,} rows, {length_text(seen.delay)}{already}"


def _summary(history: History, course: Course) -> str:
    outcome = f"{_period(history)}: {_count(course.alarms, 'alarm')}, {_count(len(course.pages), 'incident')}"
    if history.clean_until <= history.start:
        return f"{outcome}; the faults begin with the data, so nothing says how often it pages without them"
    pages = _rate(course.pages_per_month(history.start, history.clean_until))
    return f"{outcome}, {pages} pages per 30 days{' before the faults' if history.faults else ''}"


def _period(history: History) -> str:
    return (
        f"{history.profile.model}: {len(history):,} rows from {_minute(int(history.times[0]))} to "
        f"{_minute(int(history.times[-1]))} ({length_text(history.end - history.start)}), "
        f"{history.panes:,} panes of {duration_text(history.pane)}"
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _rate(pages: float | None) -> str:
    return "–" if pages is None else f"{pages:.2f}"


def _minute(time: Milliseconds) -> str:
    return iso(time)[:16].replace("T", " ")

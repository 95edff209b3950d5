"""Write the tables of the docs that the code declares: `make docs`.

A table stands between `<!-- NAME: written by make docs -->` and `<!-- end -->`; what is around it is left as it is. A
test compares the pages with what this would write.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))  # the map of the rooms is the tests'

from tests.support import rooms  # noqa: E402

from driftmeter.drift.registry import DRIFT_TESTS  # noqa: E402
from driftmeter.kafka.metrics import FAMILIES as CONSUMER_FAMILIES  # noqa: E402
from driftmeter.kafka.metrics import PREFIX as CONSUMER_PREFIX  # noqa: E402
from driftmeter.server.gauges import GAUGES  # noqa: E402
from driftmeter.server.metrics import PROCESS_FAMILIES  # noqa: E402
from driftmeter.settings.reference import markdown_table  # noqa: E402


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of Markdown."""
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *map(list, rows)]
    return (
        "".join(f"| {' | '.join(cells)} |\n" for cells in lines).replace("| --- |", "|---|").replace(" --- |", "---|")
    )


def gauges() -> str:
    """Return the gauges of the verdict."""
    rows = ([f"`driftmeter_{one.name}`", ", ".join(one.labels), one.meaning] for one in GAUGES)
    return table(["gauge", "labels", "meaning"], rows)


def process() -> str:
    """Return the counters and histograms of a process."""
    rows = (
        [
            f"`driftmeter_{one.name}{'_total' if one.type.__name__ == 'Counter' else ''}`",
            ", ".join(one.labels),
            one.meaning,
        ]
        for one in PROCESS_FAMILIES
    )
    return table(["counter or histogram", "labels", "meaning"], rows)


def tests() -> str:
    """Return the drift tests."""
    rows = (
        [
            f"`{test.name}`",
            " ".join((test.__doc__ or "").split("\n\n")[0].split()).replace("|", "\\|"),
            ", ".join(test.kinds),
            test.unit,
            test.citation,
        ]
        for test in DRIFT_TESTS
    )
    return table(["test", "what it does", "features", "unit", "source"], rows)


def consumer() -> str:
    """Return the metrics of `driftmeter consume`."""
    rows = (
        [f"`{CONSUMER_PREFIX}{one.name}{'' if one.gauge else '_total'}`", ", ".join(one.labels), one.help]
        for one in CONSUMER_FAMILIES
    )
    return table(["metric", "labels", "meaning"], rows)


TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "architecture.md": {"rooms": rooms.table},
    "engines.md": {"consumer": consumer},
    "metrics.md": {"gauges": gauges, "tests": tests, "process": process},
    "settings.md": {"settings": markdown_table},
}
"""By page and name."""


def page_with_tables(page: str, tables: dict[str, Callable[[], str]]) -> str:
    """Return a page with its tables as the code declares them; raises ValueError where one has no place on it."""
    for name, written in tables.items():
        begin, end = f"<!-- {name}: written by make docs -->\n", "<!-- end -->"
        before, found, rest = page.partition(begin)
        if not found or end not in rest:
            raise ValueError(f"expected a place for the table {name!r}: {begin!r} … {end!r}")
        page = before + begin + written() + end + rest.partition(end)[2]
    return page


if __name__ == "__main__":
    for file, tables in TABLES.items():
        path = DOCS / file
        path.write_text(page_with_tables(path.read_text(), tables))

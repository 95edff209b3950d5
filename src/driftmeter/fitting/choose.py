"""Which columns of a reference may be monitored, by what the user says of them and by their names."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from driftmeter.errors import ProfileError
from driftmeter.profile.names import no_feature


def choose(
    columns: list[str],
    *,
    only: Iterable[str] | None,
    include: Iterable[str],
    exclude: Iterable[str],
    not_features: Mapping[str, str | None],
    mentioned: Iterable[str | None],
) -> tuple[list[str], dict[str, str]]:
    """Return the columns to monitor, in the frame's order, and the reason by the name of each other one.

    `only` None means all columns. Those in `include`, `only` and `mentioned` are in whatever they look like.
    `not_features` maps another role of a column, such as "label", to the column's name, or to None. Raises ProfileError
    on a name that is no column, and on one that is both included and excluded.
    """
    only = None if only is None else list(only)
    include, exclude, mentioned = list(include), list(exclude), list(mentioned)
    for name in [*(only or ()), *include, *exclude, *not_features.values(), *mentioned]:
        if name is not None and name not in columns:
            several = " (give names one at a time)" if {*name.split(",")} <= {*columns} else ""
            raise ProfileError(f"no column {name!r}{several}; there are: {', '.join(columns)}")
    asked = {name for name in [*mentioned, *include] if name is not None}  # such as the hour of the time column
    for name in exclude:
        if name in include:
            raise ProfileError(f"column {name!r}: expected to include or to exclude it, got both")
    left_out = {name: f"the {what}" for what, name in not_features.items() if name and name not in asked}
    for name in exclude:
        left_out.setdefault(name, "excluded")
    asked.update(only or ())
    if only is not None:
        left_out |= {name: "not named by --only" for name in columns if name not in asked and name not in left_out}
    for name in columns:
        if name not in asked and (why := no_feature(name)):
            left_out.setdefault(name, why)
    return [name for name in columns if name not in left_out], left_out


def unless_included(why: str, name: str) -> str:
    """Return why a column is left out, with the way to have it monitored all the same.

    >>> unless_included("looks like a clock", "set at")
    "looks like a clock; --include 'set at' monitors it"
    """
    return f"{why}; --include {shlex.quote(name)} monitors it"

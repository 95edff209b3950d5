"""Which columns of a reference are monitored, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from driftmeter.errors import ProfileError
from driftmeter.profile.names import no_feature


def choose(
    columns: list[str],
    include: Iterable[str] | None,
    exclude: Iterable[str],
    *,
    not_features: Mapping[str, str | None],
    mentioned: Iterable[str | None],
) -> tuple[list[str], dict[str, str]]:
    """Return the columns to monitor, in the frame's order, and the reason by the name of each other one.

    `include` None means all columns; those in `mentioned` are always in. `not_features` maps another role of a column,
    such as "label", to the column's name, or to None. Raises ProfileError on a name that is no column.
    """
    include = None if include is None else list(include)
    exclude, mentioned = list(exclude), list(mentioned)
    for name in [*(include or ()), *exclude, *not_features.values(), *mentioned]:
        if name is not None and name not in columns:
            raise ProfileError(f"no column {name!r}; there are: {', '.join(columns)}")
    asked = {name for name in mentioned if name}  # such as the hour of the time column
    left_out = {name: f"the {what}" for what, name in not_features.items() if name and name not in asked}
    for name in exclude:
        left_out.setdefault(name, "excluded")
    if include is not None:
        keep = {*include, *asked}
        left_out |= {name: "not included" for name in columns if name not in keep and name not in left_out}
    asked.update(include or ())
    for name in columns:
        if name not in asked and (why := no_feature(name)):
            left_out.setdefault(name, why)
    return [name for name in columns if name not in left_out], left_out

"""What kind of change a feature went through, in words and as numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict, get_args

from driftmeter.types import JSON

ChangeKind = Literal[
    "affine", "clipped", "default", "flipped", "gone", "hours", "infinite", "merged", "missing", "mixture", "new",
    "outliers", "renamed", "rounded", "scale", "share", "shift", "spelling", "spike", "spread", "stuck", "swapped",
    "truncated", "unit", "unreadable",
]  # fmt: skip


class Numbers(TypedDict, total=False):
    """Some of the numbers of a change."""

    factor: float
    offset: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Change:
    """One kind of change, said as what follows a feature's name: `text` is such as "is shifted by about +12".

    Numbers that a kind has not are None. `factor` and `offset` take a value of the reference to one of the window;
    `share` is that of the rows which changed, 0 to 1; `value` is the value that they have now, or a limit; they lie
    from `low` to `high`, None where that end is not known. `step` is what values are rounded to, `hours` by how many
    hours they moved. `names` are the categories that the text names.
    """

    kind: ChangeKind
    text: str
    factor: float | None = None
    offset: float | None = None
    share: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    hours: int | None = None
    names: tuple[str, ...] = ()

    def to_json(self) -> JSON:
        """Return plain JSON: the kind, the text, and what else is known; numbers of ten digits.

        >>> Change("shift", "is shifted by about +12", offset=12.0).to_json()
        {'kind': 'shift', 'text': 'is shifted by about +12', 'offset': 12.0}
        """
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            key: float(f"{value:.10g}") if isinstance(value, float) else [*value] if isinstance(value, tuple) else value
            for key, value in known.items()
            if value is not None and value != ()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Change:
        """Read what `to_json` wrote; raises ValueError or TypeError on anything else."""
        if data.get("kind") not in get_args(ChangeKind):
            raise ValueError(f"expected a kind of change, got {data.get('kind')!r}")
        return cls(**{**data, "names": tuple(data.get("names", ()))})

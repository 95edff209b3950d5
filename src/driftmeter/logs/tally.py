"""The tally of a log's records: those that were read, and those that were not, by reason, with an example each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from driftmeter.errors import InputError

MOST_UNREADABLE = 0.01
"""A larger share of unreadable records is an error: too many rows would be left out."""
ALLOWING = "--allow-unreadable-records"
_MOST_REASONS = 20
_OTHERS = "other reasons"
_MOST_SHOWN = 200


@dataclass
class _Reason:
    records: int
    example: str


@dataclass
class RecordTally:
    """How many records a log has, how many cannot be read, and how many are left out for what they are.

    A record that is left out says nothing of the model's rows, such as a health check: it is counted, and is no fault.
    """

    records: int = 0
    unreadable: dict[str, _Reason] = field(default_factory=dict)
    left_out: dict[str, _Reason] = field(default_factory=dict)

    def reject(self, where: str, error: InputError) -> None:
        """Count a record that cannot be read, by what was expected of it."""
        _count(self.unreadable, f"expected {error.expected}", f"{where}: {error.field}: got {error.got}")

    def leave_out(self, where: str, reason: str) -> None:
        """Count a record that is no row of the model, by the reason."""
        _count(self.left_out, reason, where)

    @property
    def unreadable_records(self) -> int:
        """The number of records that cannot be read."""
        return sum(reason.records for reason in self.unreadable.values())

    def notes(self) -> Iterator[str]:
        """Yield a sentence on the records that cannot be read, and one on those that are left out, if there are any."""
        if self.unreadable:
            reasons = _listed(self.unreadable)
            share = 100 * self.unreadable_records / self.records
            yield (
                f"{self.unreadable_records:,} of {self.records:,} records ({share:.3g} %) cannot be read and are left "
                f"out: {reasons}"
            )
        if self.left_out:
            count = sum(reason.records for reason in self.left_out.values())
            yield f"{count:,} of {self.records:,} records are no rows and are left out: {_listed(self.left_out)}"

    def check(self, source: str, *, allow: bool) -> None:
        """Raise InputError where more than MOST_UNREADABLE of the records cannot be read, unless `allow`."""
        if self.unreadable_records > MOST_UNREADABLE * self.records and not (allow and self.has_rows):
            how = f". To leave these out: {ALLOWING}" if self.has_rows else ""
            raise InputError(source, "records that can be read", next(self.notes()) + how)

    @property
    def has_rows(self) -> bool:
        """Whether any record was read."""
        return self.records > self.unreadable_records


def _count(reasons: dict[str, _Reason], reason: str, example: str) -> None:
    if reason not in reasons and len(reasons) >= _MOST_REASONS:
        reason = _OTHERS
    known = reasons.get(reason)
    if known is None:
        reasons[reason] = _Reason(1, example[:_MOST_SHOWN])
    else:
        known.records += 1


def _listed(reasons: dict[str, _Reason]) -> str:
    in_order = sorted(reasons.items(), key=lambda item: -item[1].records)
    return "; ".join(f"{count.records:,}: {reason} ({count.example})" for reason, count in in_order)

"""The writes of one transaction of the SQLite store."""

from __future__ import annotations

import json

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.errors import UnknownModelError, UnknownProfileError
from driftmeter.panes.coverage import Account, RowTally
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.records import AddRows, Receipt, Write
from driftmeter.store.sqlite.database import Database
from driftmeter.types import Counts, Milliseconds


class Transaction:
    """The writes of one transaction. What many of them touch is read once and written once, at the end."""

    def __init__(self, db: Database, now: Milliseconds) -> None:
        """Write into the open transaction of `db`, at the store's time `now`."""
        self._db, self._now = db, now
        self._frozen: dict[str, Milliseconds] = {}
        self._timings: dict[str, Milliseconds] = {}
        self._known: set[tuple[str, str]] = set()
        self._added: dict[tuple[str, str, Milliseconds, Milliseconds, str], list[Summary]] = {}
        self._sources: dict[tuple[str, str], tuple[Account, Milliseconds | None]] = {}

    def write(self, write: Write) -> Receipt | Exception:
        """Make one write; return its error where it can't be made: the others are none the worse for it."""
        try:
            digest = write.digest if isinstance(write, AddRows) else write.pane.digest
            self._check(write.model, digest)
        except (UnknownModelError, UnknownProfileError) as error:
            return error
        return self._add(write) if isinstance(write, AddRows) else self._put(write.model, write.pane)

    def _check(self, model: str, digest: str) -> None:
        if (model, digest) in self._known:
            return
        found = self._db.execute("SELECT frozen, pane FROM models WHERE model = ?", (model,)).fetchone()
        if found is None:
            names = self._db.execute("SELECT model FROM models").fetchall()
            raise UnknownModelError(model, tuple(name for (name,) in names))
        digests = self._db.execute("SELECT digest FROM profiles WHERE model = ? ORDER BY at", (model,)).fetchall()
        if (digest,) not in digests:
            raise UnknownProfileError(model, digest, tuple(each for (each,) in digests))
        self._frozen[model], self._timings[model] = found
        self._known.add((model, digest))

    def _put(self, model: str, pane: Pane) -> Receipt:
        key = (model, pane.digest, pane.start, pane.length, pane.source)
        rows = pane.summary.rows
        late = new_late = 0
        where = " WHERE model = ? AND digest = ? AND start = ? AND length = ? AND source = ?"
        if pane.end <= self._frozen[model]:
            found = self._db.execute(f"SELECT sequence, frozen, rows FROM sealed{where}", key).fetchone()
            sequence, frozen, before = found or (-1, 0, 0)
            duplicate = pane.sequence <= sequence
            late = max(0, rows - frozen)
            if not duplicate:
                new_late = max(0, rows - before)
                self._db.execute(
                    "INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*key, pane.sequence, frozen, rows, self._now),
                )
        else:
            found = self._db.execute(f"SELECT sequence, rows FROM panes{where}", key).fetchone()
            sequence, before = found or (-1, 0)
            duplicate = pane.sequence <= sequence
            if not duplicate:
                self._db.execute(
                    "INSERT OR REPLACE INTO panes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*key, pane.sequence, rows, pack(pane.summary.counts)),
                )
        account, mark = self._source(model, pane.source)
        if account == Account():
            account = Account.met(self._now, pane.totals, pane.acknowledged)
        totals = account.totals
        newer = totals.followed_by(pane.totals)
        added = 0 if duplicate else max(0, rows - before)
        # who has gone is called back by rows that it did not count before, not by what was overtaken on its way
        final = pane.final or (account.final and pane.totals.observed <= totals.observed)
        account = account.write(self._now, newer, added, new_late, final)
        self._sources[model, pane.source] = (account, _later(mark, pane.watermark))
        return Receipt(
            late,
            duplicate,
            added=added,
            added_late=new_late,
            dropped=newer.dropped_since(totals),
            unreadable=newer.unreadable_since(totals),
        )

    def _add(self, write: AddRows) -> Receipt:
        model = write.model
        late = 0
        if write.key is not None:
            found = self._db.execute(
                "SELECT fingerprint, late FROM keys WHERE model = ? AND key = ?", (model, write.key)
            ).fetchone()
            if found is not None:
                same = found[0] == write.fingerprint
                return Receipt(found[1] if same else 0, duplicate=same, conflict=not same)
        length = self._timings[model] if write.length is None else write.length
        for start, summary in write.parts:
            if start + length <= self._frozen[model]:
                late += summary.rows
            elif summary.rows:
                self._added.setdefault((model, write.digest, start, length, write.source), []).append(summary)
        if write.key is not None:
            self._db.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?)", (model, write.key, write.fingerprint, late, self._now)
            )
        account, mark = self._source(model, write.source)
        added = sum(summary.rows for _, summary in write.parts)
        totals = (account.totals + write.totals).bounded()
        account = account.write(self._now, totals, added, late, final=True)
        self._sources[model, write.source] = (account, _later(mark, write.watermark))
        return Receipt(late, added=added, added_late=late)

    def _source(self, model: str, source: str) -> tuple[Account, Milliseconds | None]:
        found = self._sources.get((model, source))
        if found is None:
            row = self._db.execute(
                "SELECT totals, late, watermark FROM sources WHERE model = ? AND source = ?", (model, source)
            ).fetchone()
            found = (read_account(row[0], row[1]), row[2]) if row else (Account(), None)
        return found

    def finish(self) -> None:
        """Write what the batch has gathered; the caller commits."""
        for key, summaries in self._added.items():
            found = self._db.execute(
                "SELECT sequence, rows, counts FROM panes"
                " WHERE model = ? AND digest = ? AND start = ? AND length = ? AND source = ?",
                key,
            ).fetchone()
            sequence = 0
            if found is not None:
                sequence = found[0] + 1
                summaries.append(Summary(found[1], unpack(found[2])))
            total = Summary.sum(summaries, summaries[0].counts.size)
            self._db.execute(
                "INSERT OR REPLACE INTO panes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, sequence, total.rows, pack(total.counts)),
            )
        for (model, source), (account, mark) in self._sources.items():
            self._db.execute(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?)",
                (model, source, _write_account(account), account.late, mark, self._now),
            )


def _write_account(account: Account) -> str:
    """Write what belongs into `sources.totals`: the totals, and what more is known beside them."""
    more = {
        "added": account.added,
        "final": account.final,
        "place": account.place,
        "earlier": account.earlier,
        "latest": account.latest,
    }
    return json.dumps({**account.totals.bounded().to_json(), **more})


def read_account(text: str, late: int) -> Account:
    """Read a source's row; one of version 2 says nothing but totals."""
    body = json.loads(text)
    totals = SourceTotals.from_json(body)
    if "added" not in body:
        return Account(totals, totals.counted, late)
    bases = RowTally(*body["earlier"]), RowTally(*body["latest"])
    return Account(totals, body["added"], late, body["final"], body["place"], *bases)


def _later(one: Milliseconds | None, other: Milliseconds | None) -> Milliseconds | None:
    return other if one is None else one if other is None else max(one, other)


def pack(counts: Counts) -> bytes:
    """Open panes change many times a second: not worth compressing."""
    return counts.astype("<i8", copy=False).tobytes()


def unpack(data: bytes) -> Counts:
    """Read the counts of an open pane."""
    return np.frombuffer(data, dtype="<i8").astype(np.int64)

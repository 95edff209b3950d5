"""The writes of one transaction of the SQLite store."""

from __future__ import annotations

import json

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.errors import UnknownModelError, UnknownProfileError
from driftmeter.panes.codec import decode_texts, encode_texts
from driftmeter.panes.coverage import Account, RowTally
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.records import AddRows, Receipt, Write
from driftmeter.store.sqlite.database import Database
from driftmeter.timestamps import DAY
from driftmeter.types import Counts, Milliseconds


class Transaction:
    """The writes of one transaction.

    Sums of rows and accounts of sources are read once and written once, by `finish`, however many writes change them.
    """

    def __init__(self, db: Database, now: Milliseconds) -> None:
        """Write into the open transaction of a database, at the store's time `now`."""
        self._db, self._now = db, now
        self._frozen: dict[str, Milliseconds] = {}
        self._lengths: dict[str, Milliseconds] = {}
        self._checked: set[tuple[str, str]] = set()
        self._added: dict[tuple[str, str, Milliseconds, Milliseconds, str], list[Summary]] = {}
        self._sources: dict[tuple[str, str], tuple[Account, Milliseconds | None]] = {}

    def write(self, write: Write) -> Receipt | Exception:
        """Make one write; returns its error if it cannot be made, which does not affect the others."""
        try:
            digest = write.digest if isinstance(write, AddRows) else write.pane.digest
            self._check(write.model, digest)
        except (UnknownModelError, UnknownProfileError) as error:
            return error
        return self._add(write) if isinstance(write, AddRows) else self._put(write.model, write.pane)

    def _check(self, model: str, digest: str) -> None:
        if (model, digest) in self._checked:
            return
        row = self._db.execute(
            "SELECT frozen, pane, EXISTS (SELECT 1 FROM profiles WHERE model = ? AND digest = ?)"
            " FROM models WHERE model = ?",
            (model, digest, model),
        ).fetchone()
        if row is None:
            names = self._db.execute("SELECT model FROM models").fetchall()
            raise UnknownModelError(model, tuple(name for (name,) in names))
        self._frozen[model], self._lengths[model], is_known = row
        if not is_known:
            digests = self._db.execute("SELECT digest FROM profiles WHERE model = ? ORDER BY at", (model,)).fetchall()
            raise UnknownProfileError(model, digest, tuple(known for (known,) in digests))
        self._checked.add((model, digest))

    def _put(self, model: str, pane: Pane) -> Receipt:
        key = (model, pane.digest, pane.start, pane.length, pane.source)
        rows = pane.summary.rows
        late = added_late = 0
        condition = " WHERE model = ? AND digest = ? AND start = ? AND length = ? AND source = ?"
        if pane.end <= self._frozen[model]:
            sealed = self._db.execute(f"SELECT sequence, frozen, rows FROM sealed{condition}", key).fetchone()
            sequence, frozen, before = sealed or (-1, 0, 0)
            duplicate = pane.sequence <= sequence
            late = max(0, rows - frozen)
            if not duplicate:
                added_late = max(0, rows - before)
                self._db.execute(
                    "INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*key, pane.sequence, frozen, rows, self._now),
                )
        else:
            stored = self._db.execute(f"SELECT rowid, sequence, rows FROM panes{condition}", key).fetchone()
            rowid, sequence, before = stored or (None, -1, 0)
            duplicate = pane.sequence <= sequence
            if not duplicate:
                self._write_open(rowid, key, pane.sequence, pane.summary)
        account, watermark = self._source(model, pane.source)
        if account == Account():
            account = Account.first_seen(self._now, pane.totals, pane.acknowledged)
        totals = account.totals
        newer = totals.followed_by(pane.totals)
        added = 0 if duplicate else max(0, rows - before)
        # only rows that it had not counted before call a source back that has gone
        final = pane.final or (account.final and pane.totals.observed <= totals.observed)
        account = account.write(self._now, newer, added, added_late, final)
        self._sources[model, pane.source] = (account, _later(watermark, pane.watermark))
        return Receipt(
            late,
            duplicate,
            added=added,
            added_late=added_late,
            dropped=newer.dropped_since(totals),
            unreadable=newer.unreadable_since(totals),
        )

    def _add(self, write: AddRows) -> Receipt:
        model = write.model
        late = unmoved = 0
        if write.key is not None:
            used = self._db.execute(
                "SELECT fingerprint, late FROM keys WHERE model = ? AND key = ?", (model, write.key)
            ).fetchone()
            if used is not None:
                fingerprint, late_before = used
                same = fingerprint == write.fingerprint
                return Receipt(late_before if same else 0, duplicate=same, conflict=not same, used=fingerprint)
        length = self._lengths[model] if write.length is None else write.length
        for start, summary in write.parts:
            if start + length <= self._frozen[model]:
                late, unmoved = late + summary.rows, unmoved + summary.moved
            elif summary.rows or summary.moved:
                self._added.setdefault((model, write.digest, start, length, write.source), []).append(summary)
        if write.key is not None:
            self._db.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?)",
                # all keys go a day after their time: one that goes earlier has an earlier time
                (model, write.key, write.fingerprint, late + unmoved, self._now - DAY + write.key_life),
            )
        account, watermark = self._source(model, write.source)
        added = sum(summary.rows for _, summary in write.parts)
        totals = (account.totals + write.totals).bounded()
        account = account.write(self._now, totals, added, late, final=True)
        self._sources[model, write.source] = (account, _later(watermark, write.watermark))
        return Receipt(late + unmoved, added=added, added_late=late)

    def _source(self, model: str, source: str) -> tuple[Account, Milliseconds | None]:
        known = self._sources.get((model, source))
        if known is None:
            row = self._db.execute(
                "SELECT totals, late, watermark FROM sources WHERE model = ? AND source = ?", (model, source)
            ).fetchone()
            known = (read_account(row[0], row[1]), row[2]) if row else (Account(), None)
        return known

    def _write_open(self, rowid: int | None, key: tuple[object, ...], sequence: int, summary: Summary) -> None:
        """Write an open pane, in place of the row that it has. Unseen texts of an earlier sequence count no more."""
        values = (sequence, summary.rows, pack(summary.counts))
        if rowid is None:
            self._db.execute("INSERT INTO panes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*key, *values))
        else:
            self._db.execute("UPDATE panes SET sequence = ?, rows = ?, counts = ? WHERE rowid = ?", (*values, rowid))
        if summary.unseen:
            self._db.execute(
                "INSERT OR REPLACE INTO pane_texts VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*key, sequence, encode_texts(summary.unseen)),
            )

    def finish(self) -> None:
        """Write the sums and accounts; the caller commits."""
        for key, summaries in self._added.items():
            stored = self._db.execute(
                "SELECT panes.rowid, sequence, rows, counts, texts FROM panes LEFT JOIN pane_texts"
                " USING (model, digest, start, length, source, sequence)"
                " WHERE model = ? AND digest = ? AND start = ? AND length = ? AND source = ?",
                key,
            ).fetchone()
            rowid, sequence = None, 0
            if stored is not None:
                rowid, before, rows, counts, texts = stored
                sequence = before + 1
                summaries.append(Summary(rows, unpack(counts), decode_texts(texts)))
            total = Summary.sum(summaries, summaries[0].counts.size)
            self._write_open(rowid, key, sequence, total)
        for (model, source), (account, watermark) in self._sources.items():
            self._db.execute(
                "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (model, source) DO UPDATE SET"
                " totals = excluded.totals, late = excluded.late, watermark = excluded.watermark, at = excluded.at",
                (model, source, _write_account(account), account.late, watermark, self._now),
            )


def _write_account(account: Account) -> str:
    """Return the JSON for the column `sources.totals`: the totals, and the rest of the account but for `late`."""
    rest = {
        "added": account.added,
        "final": account.final,
        "place": account.place,
        "earlier": account.earlier,
        "latest": account.latest,
    }
    return json.dumps({**account.totals.bounded().to_json(), **rest})


def read_account(text: str, late: int) -> Account:
    """Read the columns `totals` and `late` of a source. A row of version 2 has nothing but totals."""
    body = json.loads(text)
    totals = SourceTotals.from_json(body)
    if "added" not in body:
        return Account(totals, totals.counted, late)
    earlier, latest = RowTally(*body["earlier"]), RowTally(*body["latest"])
    return Account(totals, body["added"], late, body["final"], body["place"], earlier, latest)


def _later(one: Milliseconds | None, other: Milliseconds | None) -> Milliseconds | None:
    return other if one is None else one if other is None else max(one, other)


def pack(counts: Counts) -> bytes:
    """Write the counts of an open pane: a byte with their width in bytes, and the integers.

    They are not compressed, since they change many times a second. Negative ones take 8 bytes.
    """
    largest = counts.max(initial=0) if counts.min(initial=0) >= 0 else np.inf
    width = 2 if largest <= 0xFFFF else 4 if largest <= 0xFFFF_FFFF else 8
    return bytes([width]) + counts.astype(f"<u{width}").tobytes()


def unpack(data: bytes) -> Counts:
    """Read the counts of an open pane."""
    if len(data) % 2 == 0:  # an earlier version wrote 8 bytes for each, and no width
        return np.frombuffer(data, "<i8").astype(np.int64)
    return np.frombuffer(data, f"<u{data[0]}", offset=1).astype(np.int64)

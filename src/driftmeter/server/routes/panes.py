"""Panes: sources count their rows themselves, as SDKs do, and put the counts."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.errors import CodecError, InputError
from driftmeter.panes.codec import decode_pane, header_of
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.profile.profile import Profile
from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_body
from driftmeter.server.problems import BadPaneError, FutureError, MismatchError
from driftmeter.server.routes.responses import json_response
from driftmeter.server.routes.rows import LOG
from driftmeter.server.routes.sampling import UnseenTextsWanted
from driftmeter.server.routes.times import Lateness, PaneLength, StoreTime
from driftmeter.store.records import PutPane
from driftmeter.timestamps import iso
from driftmeter.types import Milliseconds

_SMALL_PANE = 64_000
"""Most bytes of a pane that is decoded on the event loop, if its profile has at most `_FEW_BINS`: a thread would take
longer."""
_FEW_BINS = 200_000
_LONGEST_SOURCE = 200
_SHORTEST: Milliseconds = 100
_MOST_ROWS = 1 << 40
"""Most rows of one pane: sums of panes stay far below the largest integer."""


class PaneAnswer(msgspec.Struct):
    """What became of a pane, and what the source needs to know for the next ones."""

    late: Annotated[int, Meta(description="Rows whose pane was frozen: they are in no window.")]
    digest: Annotated[str, Meta(description="Of the profile that rows are counted by.")]
    pane_ms: PaneLength
    lateness_ms: Lateness
    unseen_texts: UnseenTextsWanted
    time_ms: StoreTime


class _PaneHeader(msgspec.Struct):
    digest: str
    bins: int


async def put_pane(request: Request) -> Response:
    """Put what a source has counted so far in one pane.

    Cumulative: a higher sequence replaces a lower one, and sending a pane twice changes nothing.
    """
    context = Context.of(request)
    path = request.path_params
    model, start, source = path["model"], path["start_ms"], path["source"]
    newest = await context.compiled_for_rows(model)
    with context.in_flight.hold() as share:
        body = await read_body(request, context.settings.max_body, context.threads, share)
        small = len(body) <= _SMALL_PANE
        header = _read_header(body) if small else await context.in_thread(lambda: _read_header(body))
        profile = newest.profile
        if header is not None:
            if header.digest != profile.digest:
                profile = (await context.compiled(model, header.digest)).profile
            if header.bins != profile.bins:
                raise InputError("counts", f"counts over {profile.bins} bins", str(header.bins))
        small = small and profile.bins <= _FEW_BINS
        pane = decode_pane(body) if small else await context.in_thread(lambda: decode_pane(body))
    if (str(pane.start), pane.source) != (start, source):
        raise MismatchError("pane", f"the pane {start} of {source!r}"[:300], f"{pane.start} of {pane.source!r}")
    now = context.engine.now()
    _check_pane(pane, profile, newest.timing, now)
    if not newest.settings.unseen_texts:
        pane = pane.without_texts()
    receipt = await context.committer.commit(PutPane(model, pane))
    context.metrics.count(model, receipt, receipt.dropped)
    context.metrics.unreadable(model, profile, receipt.unreadable)
    timing = newest.timing
    wanted = newest.settings.unseen_texts
    return json_response(PaneAnswer(receipt.late, newest.profile.digest, timing.pane, timing.lateness, wanted, now))


def _read_header(body: bytes) -> _PaneHeader | None:
    """Read the digest and the number of bins from a pane's header, before its counts inflate.

    Returns None if `decode_pane` refuses the bytes before it reads that far.
    """
    header = header_of(body)
    if header is None:
        return None
    try:
        return msgspec.json.decode(header, type=_PaneHeader)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
            return None
        raise CodecError("pane", "a complete header", str(error)[:200]) from error


def _check_pane(pane: Pane, profile: Profile, timing: Timing, now: Milliseconds) -> None:
    """Refuse a pane that could not be added to others, or never be replaced, or never close."""
    if pane.source.startswith(LOG):
        raise BadPaneError("source", f"a name that does not start with {LOG}", pane.source[:100])
    if pane.length != timing.pane and pane.length < _SHORTEST:
        raise BadPaneError("length", f"at least {_SHORTEST} ms", str(pane.length))
    if pane.start > now + MAX_AHEAD:
        raise FutureError("start", f"at most {MAX_AHEAD // 1000} s ahead of {iso(now)}", f"{pane.start} ms")
    if pane.summary.rows > _MOST_ROWS:
        raise InputError("rows", f"at most {_MOST_ROWS}", str(pane.summary.rows))
    if min(pane.source) < " ":
        raise BadPaneError("source", "a name without control characters", repr(pane.source)[:100])
    if len(pane.source) > _LONGEST_SOURCE:
        raise InputError("source", f"at most {_LONGEST_SOURCE} characters", str(len(pane.source)))
    counts = pane.summary.counts
    wrong = pane.summary.check(profile)
    if wrong is None and counts.size and counts.max() > pane.summary.rows:
        wrong = f"expected no count above {pane.summary.rows} rows, got {counts.max()}"
    if wrong is not None:
        expected, _, got = wrong.removeprefix("expected ").partition(", got ")
        raise InputError("counts", expected, got)

"""The live doors: every way in which rows come to a metric server, over the same flights.

A new door of docs/doors.md joins `DOORS`: tests/doors/test_same_counts.py holds it to the counts of all others.
"""

from tests.support.live_doors.clients import CLIENTS
from tests.support.live_doors.door import Door
from tests.support.live_doors.events import EVENTS
from tests.support.live_doors.grpc_proxy import GRPC
from tests.support.live_doors.infer import INFER
from tests.support.live_doors.libraries import LIBRARIES
from tests.support.live_doors.middleware import MIDDLEWARE
from tests.support.live_doors.sdk import SDK
from tests.support.live_doors.seldon import WRAPPER
from tests.support.live_doors.sent_rows import ROWS

DOORS: dict[str, Door] = {**SDK, **ROWS, **MIDDLEWARE, **EVENTS, **INFER, **LIBRARIES, **CLIENTS, **GRPC, **WRAPPER}
"""By name; no two parts have one of the same name, since each begins with its own word."""

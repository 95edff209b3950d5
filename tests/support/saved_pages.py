"""The documents in a page that was saved as one file."""

from __future__ import annotations

import base64
import json
import re
import zlib

from driftmeter.types import JSON


def documents_in(page: str) -> dict[str, JSON]:
    """Return the documents of a saved page by their paths on a server."""
    found = re.search(r'id="documents">([^<]*)</script>', page)
    assert found is not None
    documents: dict[str, JSON] = json.loads(zlib.decompress(base64.b64decode(found[1])))
    return documents

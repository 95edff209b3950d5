"""Names and sentences as a page or a terminal may show them, whatever they hold."""

from __future__ import annotations

import re
from html import escape

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
"""Control characters (Unicode's category Cc), and two code points that XML forbids."""


def printable(text: object) -> str:
    """Replace what neither a page nor a terminal should be sent: control characters, halves of surrogate pairs.

    >>> printable("a\\x1b[31mb")
    'a�[31mb'
    """
    return _UNPRINTABLE.sub("\ufffd", str(text).encode("utf-8", "replace").decode())


def as_html(text: object) -> str:
    """Return a text as HTML that shows it.

    >>> as_html("a < b & c")
    'a &lt; b &amp; c'
    """
    return escape(printable(text))

"""Numbers in columns of text: money, percent, decimal commas, thousands. They are told as what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable

from driftmeter.profile.values import MISSING_WORDS

_NUMBER = r"[+-]?(?:\d{1,3}(?:[.,' \u00a0]\d{3})+|\d+)(?:[.,]\d+)?"
_CURRENCY = r"(?:[$€£¥₹]|US\$|USD|EUR|GBP|CHF|JPY|INR|CNY|CAD|AUD|kr|zł)"
_FORMS = (
    (
        "money",
        re.compile(rf"[+-]?\s*{_CURRENCY}\s*{_NUMBER}(?:[kKmM]|\s?(?:bn|mio))?|{_NUMBER}\s*{_CURRENCY}"
                   rf"|\(\s*{_CURRENCY}\s*{_NUMBER}\s*\)"),
        "write the amount alone, such as 1234.5, to have it monitored as a number",
    ),
    ("percent", re.compile(rf"{_NUMBER}\s*%"), "write 37% as 0.37 or 37 to have it monitored as a number"),
    (
        "numbers with commas between thousands",
        re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"),
        "write 1,234.5 as 1234.5 to have it monitored as a number",
    ),
    (
        "numbers with decimal commas",
        re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+"),
        "write 1.234,5 as 1234.5, or separate the cells of the CSV by semicolons, to have it monitored as a number",
    ),
)  # fmt: skip
_PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?")
_MOST_LOOKED_AT = 2_000
_NEARLY_ALL = 0.95
"""Share of the texts that must be such numbers."""


def written_numbers(texts: Iterable[str]) -> str | None:
    """Return what nearly all of some distinct texts are, with a proposal; None where they are no such numbers.

    >>> written_numbers(["€1,234.50", "€ 12", ""])[:48]
    "money as text, such as '€1,234.50': write the am"
    >>> [str(written_numbers([text]))[:18] for text in ("37%", "1,234", "1.234,5", "1,5", "1.5", "a 5%")]
    ['percent as text, s', 'numbers with comma', 'numbers with decim', 'numbers with decim', 'None', 'None']
    """
    looked_at = [text.strip() for text, _ in zip(texts, range(_MOST_LOOKED_AT), strict=False)]
    looked_at = [text for text in looked_at if text.lower() not in MISSING_WORDS]
    for what, form, proposal in _FORMS:
        written = [text for text in looked_at if form.fullmatch(text)]
        plain = sum(_PLAIN.fullmatch(text) is not None for text in looked_at)
        if written and len(written) + plain >= _NEARLY_ALL * len(looked_at):
            return f"{what} as text, such as {written[0][:20]!r}: {proposal}"
    return None

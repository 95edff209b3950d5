"""How sentences, the report and the command line write numbers: shares, amounts in a feature's own unit, lengths."""

from __future__ import annotations

import math

from driftmeter.timestamps import DAY, HOUR, MINUTE, length_text
from driftmeter.types import Milliseconds

_FIXED = (1e-4, 1e15)
"""Amounts outside of this are written with an exponent."""


def percent(share: float) -> str:
    """Write a share, 0 to 1, in per cent: one decimal, or one digit if it is below 0.1 %.

    >>> percent(0.0), percent(0.00004), percent(0.0123), percent(0.5)
    ('0 %', '0.004 %', '1.2 %', '50.0 %')
    """
    if share == 0:
        return "0 %"
    return f"{share * 100:.1f} %" if share >= 0.001 else f"{share * 100:.1g} %"


def percents(was: float, now: float) -> tuple[str, str]:
    """Write two shares in per cent, with more decimals where the two would read alike or seem to be all rows.

    >>> percents(0.01, 0.05), percents(0.10001, 0.10004), percents(0.0, 0.9999)
    (('1.0 %', '5.0 %'), ('10.001 %', '10.004 %'), ('0 %', '99.99 %'))
    """
    texts = percent(was), percent(now)
    for decimals in range(2, 7):
        seems_all = any(text == "100.0 %" and share < 1 for text, share in zip(texts, (was, now), strict=True))
        if texts[0] != texts[1] and not seems_all:
            break
        before, after = (f"{share * 100:.{decimals}f} %" if share else "0 %" for share in (was, now))
        texts = before, after
    return texts


def amount(value: float, scale: float = 0.0) -> str:
    """Write a value to a hundredth of `scale` or finer, by which it is to be told from others; 0 takes six digits.

    A whole number has no decimals: it is exact, such as a year or a zip code.

    >>> amount(55.234, 23.3), amount(0.0312, 0.51), amount(1_234_567.8, 23.0), amount(1_234_567.8, 23_000.0)
    ('55', '0.03', '1,234,568', '1,235,000')
    >>> amount(3.21e-9, 1e-9), amount(98.125), amount(-0.001, 5.0), amount(1993.0, 5.0)
    ('3.2e-09', '98.125', '0.0', '1,993')
    """
    if scale <= 0 or not math.isfinite(scale):
        return f"{value:,.6g}" if abs(value) < 1e5 else f"{value:,.0f}" if abs(value) < _FIXED[1] else f"{value:.6g}"
    places = 1 - math.floor(math.log10(scale))
    size = max(abs(value), scale)
    if not _FIXED[0] <= size < _FIXED[1]:
        return f"{value:.{max(math.floor(math.log10(size)) + places, 0)}e}"
    return f"{round(value, places) + 0.0:,.{0 if value.is_integer() else max(places, 0)}f}"


def amounts(was: float, now: float, *, finer: float = 1.0) -> tuple[str, str]:
    """Write two amounts so that they differ visibly: to a tenth of their difference or finer.

    >>> amounts(55.234, 31.9), amounts(0.541, 0.034), amounts(-2.0, 7.0), amounts(1e9, 1e9 + 0.5)
    (('55', '32'), ('0.54', '0.03'), ('-2', '7'), ('1,000,000,000', '1,000,000,000.50'))
    """
    scale = abs(now / finer - was / finer)
    return amount(was, scale), amount(now, scale)


def deviations(number: float) -> str:
    """Write a number of standard deviations, without its sign.

    >>> deviations(-1.32), deviations(0.531), deviations(0.998), deviations(1_234.5)
    ('1.3 standard deviations', '0.53 standard deviations', '1 standard deviation', '1,234 standard deviations')
    """
    size = abs(number)
    text = f"{size:,.0f}" if size >= 100 else f"{size:.2g}"
    return f"{text} standard deviation{'' if text == '1' else 's'}"


def span(length: Milliseconds) -> str:
    """Write a length of time in one or two words.

    >>> span(90_000), span(7_200_000), span(864_000_000)
    ('90 s', '2 h', '10 days')
    """
    return length_text(length, ((2 * DAY, DAY, "days"), (HOUR, HOUR, "h"), (2 * MINUTE, MINUTE, "min")))


def over(rows: int, window: Milliseconds) -> str:
    """Write how many rows a finding rests on, and in what time they came; 0 ms stands for rows without times.

    >>> over(1_234, 7_200_000), over(1, 0)
    ('over 1,234 rows in 2 h', 'over 1 row')
    """
    text = f"over {rows:,} row{'' if rows == 1 else 's'}"
    return f"{text} in {span(window)}" if window else text

"""JSON paths, as far as rows need them: `$`, `$.data`, `$['a b']`, `$.instances[*]`, `$.outputs[0].data`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError

EVERY = -1
"""The step `[*]`, among indices and names."""
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"*\s]+) | \[(?P<index>\d{1,9})\] | (?P<every>\[\*\])
      | \[(?P<quoted>'[^']*'|"[^"]*")\]""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class JsonPath:
    """A place in JSON, or one in each item of an array."""

    text: str
    steps: tuple[str | int, ...]

    @classmethod
    def parse(cls, text: str, field: str = "path") -> JsonPath:
        """Read a path; raises InputError, at `field`, on anything that is none.

        >>> JsonPath.parse("$.instances[*]['net price']").steps
        ('instances', -1, 'net price')
        """
        expected = "a path such as $.instances[*]"
        if not isinstance(text, str) or not text.startswith("$"):
            raise InputError(field, expected, describe(text))
        steps: list[str | int] = []
        place = 1
        while place < len(text):
            found = _STEP.match(text, place)
            if found is None:
                raise InputError(field, expected, f"{text[:60]!r}, which goes on with {text[place : place + 20]!r}")
            name, index, every, quoted = found.group("name", "index", "every", "quoted")
            steps.append(EVERY if every else int(index) if index else name or quoted[1:-1])
            place = found.end()
        return cls(text, tuple(steps))

    @property
    def is_many(self) -> bool:
        """Whether it goes through the items of an array."""
        return EVERY in self.steps

    def find(self, content: Any, field: str = "body") -> Any:
        """Return what is at the path; of one through items, the list of what each of them has there.

        Raises InputError, at the part of `field` from which the path leads nowhere.

        >>> JsonPath.parse("$.predictions[*][1]").find({"predictions": [[0.2, 0.8], [0.7, 0.3]]})
        [0.8, 0.3]
        """
        return _find(content, self.steps, field)


def _find(content: Any, steps: tuple[str | int, ...], field: str) -> Any:
    for position, step in enumerate(steps):
        if step == EVERY:
            if not isinstance(content, list):
                raise InputError(field, "an array", describe(content))
            rest = steps[position + 1 :]
            found = [_find(item, rest, f"{field}[{index}]") for index, item in enumerate(content)] if rest else content
            return [item for items in found for item in items] if EVERY in rest else found
        if isinstance(step, int):
            if not isinstance(content, list) or len(content) <= step:
                got = f"an array of {len(content)}" if isinstance(content, list) else describe(content)
                raise InputError(field, f"an array with an item {step}", got)
        elif not isinstance(content, dict):
            raise InputError(field, f"an object with {step!r}", describe(content))
        elif step not in content:
            names = ", ".join(repr(name)[:40] for name in list(content)[:5])
            raise InputError(field, f"an object with {step!r}", f"one with {names}" if names else "an empty object")
        content = content[step]
        field += f".{step}" if isinstance(step, str) and step.isidentifier() else f"[{step!r}]"
    return content

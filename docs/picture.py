"""Draw the picture of the README from a real run.

driftmeter demo --drift true --for 45 --json | python docs/picture.py docs/demo.svg
"""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

from rich.console import Console

from driftmeter.demo import view


def main(target: Path) -> None:
    """Render the verdict on standard input as the demo's terminal shows it."""
    verdict = json.load(sys.stdin)
    console = Console(record=True, width=92, file=io.StringIO(), force_terminal=True)
    console.print(view.features(verdict))
    drawing = console.export_svg(title="driftmeter demo --drift true")
    # rich asks a web site for its font: a picture should not
    drawing = re.sub(r"@font-face \{.*?\}", "", drawing, flags=re.DOTALL).replace("Fira Code", "ui-monospace, Menlo")
    target.write_text("\n".join(line.rstrip() for line in drawing.splitlines() if line.strip()) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

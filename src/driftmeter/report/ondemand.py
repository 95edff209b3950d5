"""Charts that the page draws when their row is opened: their bars as data, and the script that draws.

A chart is 15 kB of SVG, its bars are 300 bytes. The script draws what `chart` draws; a test in Chromium compares both.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from driftmeter.profile.feature import Feature
from driftmeter.report.bars import Bar, NumberBars, chart_bars
from driftmeter.report.texts import printable

DATA_ID = "bars"


def packed(charts: Iterable[tuple[Feature, Sequence[int]]]) -> str:
    """Return the bars of features with their counts: JSON, deflated (RFC 1950), as base64.

    JSON holds a list for each feature: its name, and the rows of reference and window. Then, of a number: the marks
    below its bars (position, text, anchor), and four lists of bars (low, core, high, apart); of a category: the list of
    its bars, and how many of them are categories. A bar is its name and its rows in reference and window.
    """
    content = [_packed(feature, counts) for feature, counts in charts]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _packed(feature: Feature, counts: Sequence[int]) -> list[Any]:
    shown = chart_bars(feature, counts)
    was, now = max(sum(feature.counts), 1), max(sum(counts), 1)

    def rows(bars: Sequence[Bar]) -> list[list[Any]]:
        return [[printable(bar.label), round(bar.reference * was), round(bar.window * now)] for bar in bars]

    head = [printable(feature.name), was, now]
    if isinstance(shown, NumberBars):
        marks = [(mark.position, mark.text, mark.anchor) for mark in shown.marks]
        return [*head, marks, *map(rows, (shown.low, shown.core, shown.high, shown.apart))]
    return [*head, rows(shown.bars), shown.named]


# without < and &, which HTML and XML read differently in a script
SCRIPT = Markup("""
"use strict";
(() => {
  const W = 560, LEFT = 46, RIGHT = 6, TOP = 10, HEIGHT = 150, NAMED = 52, GAP = 10, LINE = 21;
  const percent = (share) => share === 0 ? "0 %" :
    share >= 0.001 ? (share * 100).toFixed(1) + " %" : Number((share * 100).toPrecision(1)) + " %";
  const short = (text) => Array.from(text).length > 22 ? Array.from(text).slice(0, 21).join("") + "…" : text;
  const add = (parent, tag, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const name in attributes) {
      const value = attributes[name];
      made.setAttribute(name, typeof value === "number" ? value.toFixed(1) : value);
    }
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  const write = (svg, x, y, text, anchor) => add(svg, "text", { x: x, y: y, "text-anchor": anchor }, text);
  const roundUp = (share) => {
    if (share === 0) return 1;
    const unit = 10 ** Math.floor(Math.log10(share));
    return Math.min(1, ([1, 2, 2.5, 5].find((step) => step * unit >= share * 0.9999) || 10) * unit);
  };
  const told = (bar) => bar.label + ": reference " + percent(bar.was) + ", window " + percent(bar.now);

  function numbers(svg, marks, low, core, high, apart) {
    const groups = [low, core, high, apart].filter((group) => group.length);
    const named = low.length + high.length + apart.length;
    const top = roundUp(Math.max(...groups.flat().flatMap((bar) => [bar.was, bar.now])));
    const width = (W - LEFT - RIGHT - GAP * (groups.length - 1) - NAMED * named) / core.length;
    for (const share of [0, top / 2, top]) {
      const y = TOP + HEIGHT * (1 - share / top);
      add(svg, "path", { class: "axis", d: "M" + LEFT + " " + y.toFixed(1) + "H" + (W - RIGHT) });
      write(svg, LEFT - 5, y + 3.5, Number((share * 100).toPrecision(3)) + " %", "end");
    }
    let x = LEFT;
    for (const group of groups) {
      if (group === core) for (const [place, text, anchor] of marks) {
        write(svg, x + place * width, TOP + HEIGHT + 15, text, anchor);
      }
      if (group === apart) {
        add(svg, "path", { class: "axis", d: "M" + (x - GAP / 2).toFixed(1) + " " + TOP + "V" + (TOP + HEIGHT) });
      }
      for (const bar of group) {
        const wide = group === core ? width : NAMED;
        const inner = Math.min(wide - 0.16 * Math.min(wide, 30), 34);
        const box = add(svg, "g", {});
        add(box, "title", {}, told(bar));
        add(box, "rect", { class: "hit", x: x, y: TOP, width: wide, height: HEIGHT });
        for (const [kind, share, thick] of [["ref", bar.was, inner], ["win", bar.now, inner / 2]]) {
          const tall = share / top * HEIGHT;
          if (share) add(box, "rect", {
            class: kind, x: x + wide / 2 - thick / 2, y: TOP + HEIGHT - tall, width: thick, height: tall });
        }
        if (group !== core) write(box, x + wide / 2, TOP + HEIGHT + 15, bar.label, "middle");
        x += wide;
      }
      x += GAP;
    }
    return TOP + HEIGHT + 24;
  }

  function lines(svg, bars, named) {
    const left = 150, right = 118;
    const top = Math.max(0, ...bars.flatMap((bar) => [bar.was, bar.now])) || 1;
    bars.forEach((bar, index) => {
      const y = 6 + index * LINE;
      const line = add(svg, "g", named > index ? {} : { class: "special" });
      add(line, "title", {}, told(bar));
      add(line, "rect", { class: "hit", x: 0, y: y, width: W, height: LINE });
      write(line, left - 8, y + 14, short(bar.label), "end");
      for (const [kind, share, thick] of [["ref", bar.was, 14], ["win", bar.now, 7]]) {
        if (share) add(line, "rect", { class: kind, x: left, y: y + (LINE - thick) / 2,
          width: share / top * (W - left - right), height: thick });
      }
      write(line, W - 4, y + 14, percent(bar.was) + " → " + percent(bar.now), "end");
    });
    return 12 + bars.length * LINE;
  }

  function draw(into, found) {
    const [name, was, now, ...rest] = found;
    const bar = ([label, one, other]) => ({ label: label, was: one / was, now: other / now });
    const svg = add(into, "svg", { role: "img", "aria-label": "Histogram of " + name + ": reference against window" });
    let height;
    if (rest.length > 2) {
      height = numbers(svg, rest[0], ...rest.slice(1).map((group) => group.map(bar)));
    } else {
      height = lines(svg, rest[0].map(bar), rest[1]);
    }
    svg.setAttribute("viewBox", "0 0 " + W + " " + height);
  }

  async function unpacked() {
    const bytes = Uint8Array.from(atob(document.getElementById("bars").textContent), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  let charts;
  async function show(box) {
    const place = box.dataset.chart;
    if (!box.open || place === undefined) return;
    delete box.dataset.chart;
    charts = charts || unpacked();
    draw(box, (await charts)[place]);
  }
  document.addEventListener("toggle", (event) => show(event.target), true);
  document.querySelectorAll("details[open]").forEach(show); // browsers remember what was open
})();
""")

SCRIPT_DIGEST = "sha256-" + base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
"""What the page's policy lets run, and nothing else."""

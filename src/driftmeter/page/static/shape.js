// The distributions of a feature, large: densities on its own scale, bars for single values and categories, what is set apart.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { Choice } from "./parts.js";
import { count, number, percent, plural } from "./words.js";

const VIEWS = { shape: "Distributions", difference: "Difference", quantiles: "Quantiles" };

export function Shape({ shape, name, change, then }) {
  const [view, setView] = useState("shape");
  const [scale, setScale] = useState(null);
  const [width, place] = useWidth();
  const numeric = shape.kind === "numeric";
  const { quantiles } = shape;
  const views = Object.entries(VIEWS).filter(([key]) => key !== "quantiles" || (numeric && quantiles.reference && quantiles.now));
  const shown = views.some(([key]) => key === view) ? view : "shape";
  const used = scale || shape.scale;
  const places = numeric ? [...shape.edges, ...shape.atoms.map((atom) => atom.value)] : [];
  const logable = numeric && Math.min(...places) > 0 && Math.max(...places) > 20 * Math.min(...places);
  const words = { now: then ? "then" : "now" };
  return html`<div class="bar small"><${Choice} label="View" value=${shown} onChange=${setView} options=${views} />
      ${numeric && shown !== "quantiles" && (logable || used === "log") ? html`<${Choice} label="Scale" value=${used} onChange=${setScale} options=${[["linear", "Linear"], ["log", "Log"]]} />` : null}</div>
    <div ref=${place} class="figure">${width
      ? shown === "quantiles"
        ? html`<${Quantiles} quantiles=${quantiles} width=${width} words=${words} />`
        : numeric
          ? html`<${Numeric} shape=${shape} scale=${used} difference=${shown === "difference"} width=${width} name=${name} change=${change} words=${words} />`
          : html`<${Categories} shape=${shape} difference=${shown === "difference"} width=${width} words=${words} />`
      : null}</div>`;
}

// The width of an element in whole pixels, as it changes; 0 before it is known.
export function useWidth() {
  const place = useRef(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return [width, place];
}

// --- axes

// Round numbers within a range, about `wanted` of them.
export function ticks(low, high, wanted, log = false) {
  if (log) {
    const decades = Math.log10(high) - Math.log10(low);
    const steps = decades > wanted ? [1] : decades > 2 ? [1, 3] : [1, 2, 5];
    const every = Math.max(1, Math.ceil(decades / wanted));
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += every) {
      for (const step of steps) {
        const value = +(step * 10 ** power).toPrecision(3);
        if (value >= low && value <= high) found.push(value);
      }
    }
    return found;
  }
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(+value.toPrecision(12));
  return found;
}

const p1 = (value) => +value.toFixed(1);

// --- numbers

const TALL = 260;
const [TOP, BOTTOM] = [14, 30];

// The span that is drawn: all that holds rows, without far tails that hold nearly none.
function extent(shape, log) {
  const { edges, reference, now, atoms } = shape;
  const held = [];
  reference.forEach((rows, index) => {
    const share = Math.max(rows / (shape.reference_rows || 1), now[index] / (shape.now_rows || 1));
    if (share > 0.0005) held.push([edges[index], edges[index + 1], share]);
  });
  const values = [...held.flatMap(([low, high]) => [low, high]), ...atoms.map((atom) => atom.value)].filter((value) => !log || value > 0);
  if (!values.length) return edges.length ? [edges[0], edges[edges.length - 1]] : [0, 1];
  // an outermost bin may be very wide: only as much of it is drawn as shows that there is something
  const wide = held.map(([low, high]) => high - low).sort((one, other) => one - other)[held.length >> 1] || 0;
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (!log && held.length > 4) {
    low = Math.max(low, held[0][1] - 12 * wide);
    high = Math.min(high, held[held.length - 1][0] + 12 * wide);
    for (const { value } of atoms) [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

function Numeric({ shape, scale, difference, width, name, change, words }) {
  const log = scale === "log";
  const axis = log ? Math.log10 : (value) => value;
  const [low, high] = extent(shape, log);
  const [left, right] = [44, width - (shape.atoms.length && shape.edges.length ? 44 : 12)];
  const margin = shape.edges.length ? 0 : 14;
  const x = (value) => left + margin + ((axis(value) - axis(low)) / (axis(high) - axis(low))) * (right - left - 2 * margin);
  const wide = shape.edges.slice(1).map((edge, index) => Math.abs(axis(edge) - axis(log ? Math.max(shape.edges[index], low) : shape.edges[index])));
  const dense = (rows, all) => rows.map((amount, index) => (wide[index] ? amount / (all || 1) / wide[index] : 0));
  const [was, is] = [dense(shape.reference, shape.reference_rows), dense(shape.now, shape.now_rows)];
  const gap = is.map((value, index) => value - was[index]);
  // where a unit changed, what the reference would look like in the other one
  const converted = change && change.factor > 0 && !log ? [shape.edges.map((edge) => edge * change.factor + (change.offset || 0)), was.map((value) => value / change.factor)] : null;
  const floor = TALL - BOTTOM;
  const highest = difference ? Math.max(1e-300, ...gap.map(Math.abs)) : Math.max(top(was, is, wide), converted ? Math.min(Math.max(...converted[1]), 2 * Math.max(...was)) : 0);
  const middle = difference ? (TOP + floor) / 2 : floor;
  // beside bars that hold most rows, an area of few is drawn low
  const held = (rows, all) => rows.reduce((sum, amount) => sum + amount, 0) / (all || 1);
  const part = shape.atoms.length ? Math.max(0.3, Math.min(1, Math.max(held(shape.reference, shape.reference_rows), held(shape.now, shape.now_rows)) * 1.5)) : 1;
  const y = (value) => middle - (Math.max(-1, Math.min(1.04, value / highest)) * part * (difference ? (floor - TOP) / 2 : floor - TOP));
  const atoms = shape.atoms.map((atom) => ({ value: atom.value, was: atom.reference / (shape.reference_rows || 1), is: atom.now / (shape.now_rows || 1) }));
  const most = Math.max(1e-300, ...atoms.map((atom) => (difference ? Math.abs(atom.is - atom.was) : Math.max(atom.was, atom.is))));
  const height = (share) => (share / most) * (floor - TOP) * (difference ? 0.5 : shape.edges.length ? 0.92 : 1);
  const bar = Math.max(1.5, Math.min(shape.edges.length ? 12 : 26, ((right - left) / Math.max(atoms.length, 8)) * 0.7));
  const only = !shape.edges.length;
  const shares = only || atoms.length ? ticks(0, most, 3).filter((share) => share > 0) : [];
  return html`<svg class="chart" width=${width} height=${TALL} role="img" aria-label=${described(shape, name, words)}>
    ${ticks(low, high, Math.max(3, width / 110), log).map((value) => html`<g><path class="grid" d=${`M${p1(x(value))} ${TOP}V${floor}`} /><text x=${p1(x(value))} y=${TALL - 10} text-anchor="middle">${number(value)}</text></g>`)}
    ${only ? shares.map((share) => html`<text x=${left - 6} y=${p1(floor - height(share) + 4)} text-anchor="end">${percent(share).replace(".0", "")}</text>`) : html`<text class="side" text-anchor="middle" transform=${`translate(${left - 14} ${(TOP + floor) / 2}) rotate(-90)`}>${difference ? "less        more" : "density"}</text>`}
    ${!only && atoms.length ? shares.map((share) => html`<text x=${right + 6} y=${p1(middle - height(share) + 4)} text-anchor="start">${percent(share).replace(".0", "")}</text>`) : null}
    ${only ? null : difference
      ? html`<path class="more" d=${stairs(shape.edges, gap.map((value) => Math.max(value, 0)), x, y, middle, low, high)} /><path class="less" d=${stairs(shape.edges, gap.map((value) => Math.min(value, 0)), x, y, middle, low, high)} />`
      : html`<path class="ref" d=${stairs(shape.edges, was, x, y, floor, low, high)} /><path class="now-area" d=${stairs(shape.edges, is, x, y, floor, low, high)} /><path class="now" d=${stairs(shape.edges, is, x, y, floor, low, high, true)} />${converted ? html`<path class="converted" d=${stairs(...converted, x, y, floor, low, high, true)} />` : null}`}
    ${atoms.map((atom) => {
      const title = html`<title>${`${number(atom.value)}: reference ${percent(atom.was)}, ${words.now} ${percent(atom.is)}`}</title>`;
      const at = x(atom.value);
      if (difference) {
        const tall = height(Math.abs(atom.is - atom.was));
        return html`<rect class=${atom.is > atom.was ? "more" : "less"} x=${p1(at - bar / 3)} width=${p1(bar / 1.5)} y=${p1(atom.is > atom.was ? middle - tall : middle)} height=${p1(tall)}>${title}</rect>`;
      }
      return html`<g><rect class="atom-ref" x=${p1(at - bar / 2)} width=${p1(bar)} y=${p1(floor - height(atom.was))} height=${p1(height(atom.was))}>${title}</rect>
        <rect class="atom-now" x=${p1(at - bar / 5)} width=${p1(bar / 2.5)} y=${p1(floor - height(atom.is))} height=${p1(height(atom.is))}>${title}</rect>
        ${!only && Math.max(atom.was, atom.is) > Math.max(0.05, most / 3) ? html`<text class="figures" text-anchor=${at > (left + right) / 2 ? "end" : "start"} x=${p1(at > (left + right) / 2 ? at - bar : at + bar)} y=${TOP + 20}>${number(atom.value)}: ${percent(atom.was)} → ${percent(atom.is)}</text>` : null}</g>`;
    })}
    <path class="axis" d=${`M${left} ${middle}H${right}`} />
    ${only ? null : shape.edges.slice(1).map((edge, index) => {
      const [from, to] = [Math.max(left, x(log ? Math.max(shape.edges[index], low) : shape.edges[index])), Math.min(right, x(edge))];
      if (!(to > from)) return null;
      return html`<rect class="hit" x=${p1(from)} width=${p1(to - from)} y=${TOP} height=${floor - TOP}><title>${`${number(shape.edges[index])} to ${number(edge)}: reference ${percent(shape.reference[index] / (shape.reference_rows || 1))}, ${words.now} ${percent(shape.now[index] / (shape.now_rows || 1))}`}</title></rect>`;
    })}
  </svg>${converted && !difference && !only ? html`<p class="soft note"><span class="key-converted"></span>the reference × ${number(change.factor)}${change.offset ? ` ${change.offset > 0 ? "+" : "−"} ${number(Math.abs(change.offset))}` : ""}</p>` : null}${atoms.length && !only ? html`<p class="soft note">Areas are densities (left). Bars are single values that many rows share (right, share of the rows).</p>` : null}`;
}

// The height of the drawing: of the highest bin, but a narrow bin with few rows may stick out.
function top(was, is, wide) {
  const bins = [...was, ...is].map((value, index) => [value, value * wide[index % wide.length]]).sort((one, other) => other[0] - one[0]);
  let beyond = 0;
  for (const [value, share] of bins) {
    beyond += share;
    if (beyond > 0.03) return Math.max(value, bins[0][0] / 3) || 1;
  }
  return (bins.length && bins[0][0]) || 1;
}

// Steps of heights between edges, closed to an area down to `base`, or as a line.
function stairs(edges, heights, x, y, base, low, high, line = false) {
  let path = "";
  let first = null;
  heights.forEach((value, index) => {
    const [from, to] = [Math.max(edges[index], low), Math.min(edges[index + 1], high)];
    if (!(to > from)) return;
    const [start, end, tall] = [p1(x(from)), p1(x(to)), p1(y(value))];
    if (first === null) {
      first = start;
      path = line ? `M${start} ${tall}` : `M${start} ${p1(base)}V${tall}`;
    } else path += `V${tall}`;
    path += `H${end}`;
  });
  return first === null || line ? path : `${path}V${p1(base)}Z`;
}

function described(shape, name, words) {
  const { quantiles } = shape;
  if (!quantiles || !quantiles.reference || !quantiles.now) return `Distribution of ${name}`;
  const middle = quantiles.levels.length >> 1;
  return `Distribution of ${name}: median ${number(quantiles.reference[middle])} in the reference, ${number(quantiles.now[middle])} ${words.now}`;
}

// --- categories

const MOST = 30;

function Categories({ shape, difference, width, words }) {
  const [all, setAll] = useState(false);
  const rows = shape.categories.map((one) => ({ name: one.name, was: one.reference / (shape.reference_rows || 1), is: one.now / (shape.now_rows || 1) }));
  if (shape.others) rows.push({ name: `${plural(shape.others.categories, "other category", "other categories")}`, was: shape.others.reference / (shape.reference_rows || 1), is: shape.others.now / (shape.now_rows || 1), summed: true });
  const shown = all ? rows : rows.slice(0, MOST);
  const label = Math.min(200, Math.max(70, width * 0.28));
  const [line, side] = [30, width < 480 ? 104 : 168];
  const room = width - label - side;
  const most = Math.max(1e-300, ...rows.map((row) => (difference ? Math.abs(row.is - row.was) : Math.max(row.was, row.is))));
  const middle = label + room / 2;
  return html`<svg class="chart categories" width=${width} height=${shown.length * line + 4} role="img" aria-label=${`Shares of ${plural(shown.length, "category", "categories")}, the most changed first: ${shown.slice(0, 3).map((row) => `${row.name} ${percent(row.was)} before, ${percent(row.is)} ${words.now}`).join("; ")}`}>
    ${shown.map((row, index) => {
      const at = index * line;
      const gap = row.is - row.was;
      return html`<g key=${row.name} class=${row.summed ? "summed" : ""}><title>${`${row.name}: reference ${percent(row.was)}, ${words.now} ${percent(row.is)}`}</title>
        <rect class="hit" x="0" y=${at} width=${width} height=${line} /><text class="label" x="0" y=${at + 19}>${shortened(row.name, label / 7.2)}</text>
        ${difference
          ? html`<rect class=${gap > 0 ? "more" : "less"} x=${p1(gap > 0 ? middle : middle - (Math.abs(gap) / most) * room * 0.48)} y=${at + 7} width=${p1((Math.abs(gap) / most) * room * 0.48)} height="15" />`
          : html`<rect class="atom-ref" x=${label} y=${at + 5} width=${p1((row.was / most) * room)} height="19" /><rect class="atom-now" x=${label} y=${at + 10} width=${p1((row.is / most) * room)} height="9" />`}
        <text class="figures" x=${width} y=${at + 19} text-anchor="end">${width < 480 ? "" : `${percent(row.was)} → `}${difference ? `${gap > 0 ? "+" : gap < 0 ? "−" : ""}${percent(Math.abs(gap))}` : percent(row.is)}</text></g>`;
    })}
    ${difference ? html`<path class="axis" d=${`M${p1(middle)} 0V${shown.length * line}`} />` : null}</svg>
    ${rows.length > MOST ? html`<button type="button" class="quiet" onClick=${() => setAll(!all)}>${all ? "Show fewer" : `Show all ${rows.length}`}</button>` : null}
    ${shape.new.length ? html`<p class="new"><strong>New:</strong> ${shape.new.slice(0, 12).map((one, index) => html`${index ? ", " : ""}<q>${one.name}</q> ${plural(one.rows, "row")}`)}${shape.new.length > 12 ? ` and ${shape.new.length - 12} more` : ""}</p>` : null}`;
}

const shortened = (text, most) => {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, Math.max(3, Math.floor(most) - 1)).join("")}…`;
};

// --- quantiles against quantiles: on the line, nothing changed

function Quantiles({ quantiles, width, words }) {
  const { levels, reference, now } = quantiles;
  const values = [...reference, ...now];
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const size = Math.min(width, 440);
  const [left, base] = [56, size - 40];
  const scale = (value) => (value - low) / (high - low);
  const x = (value) => left + scale(value) * (size - left - 12);
  const y = (value) => base - scale(value) * (base - 12);
  const marks = ticks(low, high, 4);
  return html`<svg class="chart" width=${size} height=${size} role="img" aria-label="Quantiles of the reference against quantiles now">
    ${marks.map((value) => html`<g><path class="grid" d=${`M${p1(x(value))} 12V${base}M${left} ${p1(y(value))}H${size - 12}`} />
      <text x=${p1(x(value))} y=${base + 16} text-anchor="middle">${number(value)}</text><text x=${left - 6} y=${p1(y(value)) + 4} text-anchor="end">${number(value)}</text></g>`)}
    <path class="same" d=${`M${x(low)} ${y(low)}L${x(high)} ${y(high)}`} /><path class="now" d=${`M${reference.map((value, index) => `${p1(x(value))} ${p1(y(now[index]))}`).join("L")}`} />
    ${reference.map((value, index) => html`<circle class="dot" cx=${p1(x(value))} cy=${p1(y(now[index]))} r="3.5"><title>${`${percent(levels[index]).replace(".0", "")} of the rows are below: ${number(value)} in the reference, ${number(now[index])} ${words.now}`}</title></circle>`)}
    <text x=${(left + size) / 2} y=${size - 6} text-anchor="middle">reference</text><text class="side" text-anchor="middle" transform=${`translate(12 ${base / 2}) rotate(-90)`}>${words.now}</text></svg>
    <p class="soft note">Each point is a quantile: on the dashed line nothing changed; a line beside it is a shift, a steeper one a larger spread.</p>`;
}

// --- what is set apart: missing, unseen, out of range …

export function Apart({ shape }) {
  if (!shape.apart.length) return null;
  return html`<table class="plain apart"><caption class="hidden">Rows that are not among the values</caption>
    <thead><tr><th scope="col">${shape.kind === "numeric" ? "Missing or out of range" : "Missing or unseen"}</th><th scope="col" class="right">Reference</th><th scope="col" class="right">Now</th><th scope="col" class="right">Rows now</th></tr></thead>
    <tbody>${shape.apart.map((one) => {
      const [was, is] = [one.reference / (shape.reference_rows || 1), one.now / (shape.now_rows || 1)];
      return html`<tr key=${one.name} class=${is > was + 0.01 ? "beyond" : ""}><th scope="row">${one.name}${one.label !== one.name ? html` <span class="soft">${one.label}</span>` : ""}</th>
        <td class="right"><data value=${was}>${percent(was)}</data></td><td class="right"><data value=${is}>${percent(is)}</data></td><td class="right">${count(one.now)}</td></tr>`;
    })}</tbody></table>`;
}

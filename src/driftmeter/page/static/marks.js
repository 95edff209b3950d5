// Small pictures without axes: strips of states, lines of evidence, densities. SVG with one path for each colour.

import { html } from "./vendor/preact.js";
import { memo } from "./parts.js";
import { length, moment, stateOf, zone } from "./words.js";

// Steps before the first value, which are not drawn: a young model has a past of its own. At least a dozen steps remain.
const before = (values) => Math.max(0, Math.min(values.findIndex((value) => value !== null), values.length - 12));

// --- strips

const HEIGHTS = { drifting: 20, pending: 13, ok: 7 };
const OTHER = 4;
const TALL = 20;

// The states over time: the taller, the worse, so that colour is not needed; below them, bars where incidents were open.
export const Strip = memo(({ start, step_seconds: seconds, states, rows, incidents }) => {
  const step = seconds * 1000;
  const first = before(states);
  states = states.slice(first);
  const from = Date.parse(start) + first * step;
  const steps = states.length;
  const to = from + steps * step;
  const title = `Last ${length(to - from)}`;
  const runs = [];
  states.forEach((state, index) => {
    const last = runs[runs.length - 1];
    if (last && last.state === state) last.end = index + 1;
    else runs.push({ state, start: index, end: index + 1 });
  });
  const spent = {};
  for (const run of runs) spent[run.state] = (spent[run.state] || 0) + (run.end - run.start) * step;
  const words = Object.entries(spent).map(([state, time]) => `${state === "null" ? "no rows" : stateOf(state).word} ${length(time)}`);
  const marks = (incidents || []).map((one) => {
    const left = (Date.parse(one.since || one.opened) - from) / step;
    const right = (one.closed ? Date.parse(one.closed) - from : to - from) / step;
    return { id: one.id, left: Math.max(0, left), right: Math.min(steps, right) };
  }).filter((one) => one.right > 0 && one.left < steps);
  return html`<figure class="strip">
    <figcaption><span>${title}</span>${marks.length ? html`<span>the taller, the worse · bar below: an incident was open</span>` : null}</figcaption>
    <svg viewBox=${`0 0 ${steps} 26`} preserveAspectRatio="none" role="img" aria-label=${`${title}: ${words.join(", ")}${marks.length ? `; incidents: ${marks.length}` : ""}`}>
      <path class="base" d=${`M0 20.5H${steps}`} />
      ${runs.map((run) => {
        if (run.state === null) return null;
        const height = HEIGHTS[run.state] || OTHER;
        const look = run.state === "drifting" ? "drifting" : stateOf(run.state).look;
        const name = `${stateOf(run.state).word}, ${moment(from + run.start * step)} to ${moment(from + run.end * step)}`;
        return html`<rect class=${`run ${look}`} x=${run.start} y=${TALL - height} width=${run.end - run.start} height=${height}><title>${name}</title></rect>`;
      })}
      ${marks.map((one) => html`<rect key=${one.id} class="incident" x=${one.left} y="23" width=${Math.max(one.right - one.left, steps / 150)} height="2"><title>an incident was open</title></rect>`)}
    </svg>
    <p class="ends"><span>${moment(from)}</span><span>${moment(from + (to - from) / 2)}</span><span>now (${zone(to)})</span></p>
  </figure>`;
});

// --- lines of evidence

// Evidence from −3 to beyond 1,000 on 0 to 1; the alarm line is at 0.5.
const place = (evidence) =>
  evidence <= 0 ? 0.5 * (Math.max(evidence, -3) + 3) / 3 : 0.5 + 0.5 * Math.min(1, Math.log10(1 + evidence) / 2.5);

export const Sparkline = memo(({ evidence }) => {
  if (!evidence) return html`<svg class="spark" viewBox="0 0 96 28" preserveAspectRatio="xMinYMid" aria-hidden="true"></svg>`;
  const step = 96 / Math.max(evidence.length - 1, 1);
  let line = "";
  let alarms = "";
  let former = null;
  evidence.forEach((value, index) => {
    if (value === null) return void (former = null);
    const x = +(index * step).toFixed(1);
    const y = +(26 - place(value) * 24).toFixed(1);
    line += `${former ? "L" : "M"}${x} ${y}`;
    if (!former) line += "h.1"; // a value between gaps is a dot
    if (value >= 0) alarms += former && former.value >= 0 ? `L${x} ${y}` : former ? `M${former.x} ${former.y}L${x} ${y}` : `M${x} ${y}h.1`;
    former = { x, y, value };
  });
  return html`<svg class="spark" viewBox="0 0 96 28" preserveAspectRatio="xMinYMid" aria-hidden="true">
    <path class="alarm-line" d="M0 14H96" /><path class="line" d=${line} />${alarms ? html`<path class="alarms" d=${alarms} />` : null}</svg>`;
});

// --- densities

// Now over the reference: heights of 0 to 255 each; numbers as areas, categories as bars.
export const MiniDensity = memo(({ density }) => {
  if (!density) return html`<svg class="density" viewBox="0 0 96 28" preserveAspectRatio="xMinYMid" aria-hidden="true"></svg>`;
  const { reference, now, bars } = density;
  return html`<svg class="density" viewBox="0 0 96 28" preserveAspectRatio="xMinYMid" aria-hidden="true">
    <path class="ref" d=${bars ? sticks(reference, 0.86) : area(reference)} />
    <path class=${bars ? "now-bars" : "now"} d=${bars ? sticks(now, 0.36) : outline(now)} /><path class="base" d="M0 27.5H96" /></svg>`;
});

const level = (value) => +(27 - (value / 255) * 25).toFixed(1);

function outline(values) {
  const width = 96 / values.length;
  let path = "";
  values.forEach((value, index) => {
    const y = level(value);
    path += `${index ? "L" : "M"}${+((index + 0.5) * width).toFixed(1)} ${y}`;
  });
  return path;
}

const area = (values) => `${outline(values).replace("M", `M0 27L`)}L96 27Z`;

function sticks(values, share) {
  const width = 96 / Math.max(values.length, 4);
  let path = "";
  values.forEach((value, index) => {
    if (!value) return;
    const x = +((index + (1 - share) / 2) * width).toFixed(1);
    path += `M${x} 27V${level(value)}h${+(width * share).toFixed(1)}V27Z`;
  });
  return path;
}

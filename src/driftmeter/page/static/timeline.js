// The past of a feature: what its values did, its evidence and effect, with incidents; and the slider that goes back.

import UPlot from "./vendor/uplot.js";
import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";
import { isLive } from "./data.js";
import { Choice, Failed, Loading } from "./parts.js";
import { useWidth } from "./shape.js";
import { count, exact, moment, number, percent, signed, zone } from "./words.js";

export function Past({ past, span, spans, setSpan, at, onPick }) {
  const { data, error } = past;
  return html`<section class="card" aria-labelledby="past-title"><div class="bar"><h2 id="past-title">Over time</h2>
      ${isLive ? html`<${Choice} label="Span" value=${span} onChange=${setSpan} options=${spans} />` : null}</div>
    ${data ? html`<${Charts} data=${data} at=${at} onPick=${onPick} />` : error ? html`<${Failed} error=${error} />` : html`<${Loading} />`}</section>`;
}

// --- the slider

export function Slider({ past, at, onPick, busy }) {
  const times = past ? past.at.filter((_, index) => past.rows[index]) : [];
  const [place, setPlace] = useState(null);
  const timer = useRef(0);
  useEffect(() => setPlace(null), [at]);
  if (!past || (times.length < 2 && !at)) return null;
  const last = times.length - 1;
  const chosen = at ? nearest(times, Date.parse(at)) : last;
  const shown = place === null ? chosen : place;
  const move = (event) => {
    const next = +event.target.value;
    setPlace(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onPick(next === last ? null : times[next]), 150);
  };
  const text = shown === last ? "now" : `${moment(times[shown], Date.now(), past.step_seconds < 60)} ${zone(Date.parse(times[shown]))}`;
  return html`<div class="slider"><label>Window ending <strong>${text}</strong>${busy ? " …" : ""}
      <input type="range" min="0" max=${last} value=${shown} aria-valuetext=${text} onInput=${move} /></label>
    ${at ? html`<button type="button" onClick=${() => onPick(null)}>Back to now</button>` : null}</div>`;
}

function nearest(times, wanted) {
  let best = 0;
  times.forEach((time, index) => {
    if (Math.abs(Date.parse(time) - wanted) < Math.abs(Date.parse(times[best]) - wanted)) best = index;
  });
  return best;
}

// --- charts

const COLOURS = ["--now", "--c2", "--c3", "--c4", "--c5", "--c6"];
const probe = document.createElement("i");

// A colour of the style sheet as a canvas takes it: of the theme that is shown.
function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.hidden = true;
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

function Charts({ data, at, onPick }) {
  const [width, place] = useWidth();
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const change = () => setTheme((value) => value + 1);
    const media = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("theme", change);
    media.addEventListener("change", change);
    return () => {
      removeEventListener("theme", change);
      media.removeEventListener("change", change);
    };
  }, []);
  const [times, charts] = useMemo(() => {
    const first = firstHeld(data.rows);
    return [data.at.slice(first).map((time) => Date.parse(time) / 1000), chartsOf(data, (values) => values.slice(first))];
  }, [data]);
  const held = data.rows.some((rows) => rows);
  return html`<div ref=${place} class="figure">
    ${width && held ? charts.map((chart) => html`<${Chart} key=${`${chart.title} ${theme}`} chart=${chart} times=${times} incidents=${data.incidents} width=${width} at=${at} onPick=${onPick} />`) : null}
    ${held ? html`<p class="soft note">Click a moment to see the distribution then. Shaded: an incident was open. Times are ${zone()}.</p>` : html`<p class="empty">No rows in this time.</p>`}</div>`;
}

// Where a model is younger than the span, the charts begin a little before its first rows.
function firstHeld(rows) {
  const first = rows.findIndex((amount) => amount > 0);
  return first < 0 ? 0 : Math.max(0, Math.min(first - 2, rows.length - 12));
}

function chartsOf(data, cut) {
  const all = chartsOfAll(data);
  return all.map((chart) => ({ ...chart, series: chart.series.map(cut) }));
}

function chartsOfAll(data) {
  const values = data.bands
    ? { title: "Values", says: "the middle half, the middle nine tenths, the median", series: ["p05", "p25", "p50", "p75", "p95"].map((key) => data.bands[key]), labels: ["p05", "p25", "median", "p75", "p95"], kind: "bands", text: number }
    : data.top && data.top.length
      ? { title: "Shares", says: "the largest categories", series: data.top.map((one) => one.share), labels: data.top.map((one) => one.name), kind: "lines", text: percent }
      : null;
  return [
    values,
    { title: "Evidence", says: "above the line it alarms", series: [data.evidence], labels: ["evidence"], kind: "evidence", text: signed },
    { title: "Effect", says: "size of the change", series: [data.effect], labels: ["effect"], kind: "area", text: number },
    data.missing && data.missing.some((share) => share) ? { title: "Missing", says: "share of the rows", series: [data.missing], labels: ["missing"], kind: "area", text: percent } : null,
    data.outside && data.outside.some((share) => share) ? { ...outsideOf(data), series: [data.outside], labels: ["outside"], kind: "area", text: percent } : null,
    { title: "Rows", says: "in each step", series: [data.rows], labels: ["rows"], kind: "bars", text: count },
  ].filter(Boolean);
}

const outsideOf = (data) => data.bands
  ? { title: "Out of range", says: "share of the rows, outside of the reference's range" }
  : { title: "Never seen", says: "share of the rows, in categories that the reference does not have" };

function Chart({ chart, times, incidents, width, at, onPick }) {
  const place = useRef(null);
  const plot = useRef(null);
  const [read, setRead] = useState("");
  const current = useRef({});
  current.current = { incidents, at, onPick, times, chart };
  const data = useMemo(() => [times, ...chart.series], [times, chart]);
  useEffect(() => {
    const options = optionsOf(chart, width, current, setRead);
    plot.current = new UPlot(options, data, place.current);
    return () => plot.current.destroy();
  }, [chart.labels.join("\n")]);
  useEffect(() => void (plot.current && plot.current.setData(data)), [data]);
  useEffect(() => void (plot.current && plot.current.setSize({ width, height: plot.current.height })), [width]);
  useEffect(() => void (plot.current && plot.current.redraw(false)), [at, incidents]);
  const worst = lastOf(chart.series[0]);
  return html`<div class=${`plot ${chart.kind}`} role="img" aria-label=${`${chart.title} over time, ${chart.says}; last ${chart.text(worst)}`}>
    <p class="plot-title"><strong>${chart.title}</strong> <span class="soft">${chart.says}</span><span class="read">${read}</span>
      ${chart.kind === "lines" ? html`<span class="keys">${chart.labels.map((label, index) => html`<span key=${label} class=${`key k${index}`}>${label}</span>`)}</span>` : null}</p>
    <div ref=${place}></div></div>`;
}

const lastOf = (values) => values.reduce((last, value) => (value === null ? last : value), null);

function optionsOf(chart, width, current, setRead) {
  const soft = colour("--soft");
  const line = colour("--line");
  const now = colour("--now");
  const fill = colour("--now-fill");
  const first = { stroke: now, width: 1.5, points: { show: false } };
  let series = [first];
  let bands = [];
  const scale = {};
  let splits;
  if (chart.kind === "bands") {
    const edge = { stroke: "transparent", points: { show: false } };
    series = [edge, edge, { ...first, width: 2 }, edge, edge];
    bands = [{ series: [5, 1], fill }, { series: [4, 2], fill }];
  } else if (chart.kind === "lines") {
    series = chart.labels.map((_, index) => ({ stroke: colour(COLOURS[index % COLOURS.length]), width: 1.5, points: { show: false } }));
  } else if (chart.kind === "bars") {
    series = [{ stroke: colour("--ref"), fill: colour("--ref"), paths: UPlot.paths.bars({ size: [0.85, 40] }), points: { show: false } }];
    scale.range = (_, low, high) => [0, high || 1];
  } else if (chart.kind === "area") {
    series = [{ ...first, fill }];
    scale.range = (_, low, high) => [0, Math.max(high * 1.1, 0.01)];
  } else {
    scale.distr = 4;
    scale.asinh = 1;
    scale.range = (_, low, high) => [Math.min(-3, Math.max(low, -10)), Math.max(1, high * 1.3)];
    splits = (plot, _, low, high) => [-3, 0, 3, 30, 300].filter((value) => value >= low && value <= high);
  }
  return {
    width,
    height: chart.kind === "bands" || chart.kind === "lines" ? 170 : 110,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: "past" }, points: { size: 6 } },
    scales: { x: { time: true }, y: scale },
    series: [{}, ...series],
    bands,
    axes: [
      { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui", size: 24, space: 64, values: timeTexts },
      { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui", size: 56, space: 28, splits, filter: (_, values) => values, values: (_, values) => values.map((value) => (value === null ? "" : chart.text(value))) },
    ],
    hooks: {
      drawClear: [(plot) => shade(plot, current.current)],
      draw: [(plot) => mark(plot, current.current, chart)],
      setCursor: [(plot) => {
        const { idx } = plot.cursor;
        if (idx === null || idx === undefined) return setRead("");
        const parts = chart.series.map((values, index) => `${chart.labels.length > 1 ? `${chart.labels[index]} ` : ""}${chart.text(values[idx])}`);
        return setRead(`${exact(current.current.times[idx] * 1000)} · ${parts.join(" · ")}`);
      }],
      ready: [(plot) => plot.over.addEventListener("click", () => {
        const { idx } = plot.cursor;
        if (isLive && idx !== null && idx !== undefined) current.current.onPick(new Date(current.current.times[idx] * 1000).toISOString());
      })],
    },
  };
}

const hourly = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const secondly = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const daily = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const timeTexts = (plot, values) => {
  const wide = plot.scales.x.max - plot.scales.x.min;
  // a chart of a few minutes has several lines a minute
  if (values.length > 1 && values[1] - values[0] < 60) return values.map((value) => secondly.format(value * 1000));
  return values.map((value) => {
    const at = new Date(value * 1000);
    return wide > 3 * 86_400 || (at.getHours() === 0 && at.getMinutes() === 0) ? daily.format(at) : hourly.format(at);
  });
};

function shade(plot, { incidents }) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = colour("--shade");
  for (const one of incidents || []) {
    const from = plot.valToPos(Math.max(Date.parse(one.since || one.opened) / 1000, plot.scales.x.min), "x", true);
    const to = plot.valToPos(Math.min(one.closed ? Date.parse(one.closed) / 1000 : Infinity, plot.scales.x.max), "x", true);
    if (to > from) ctx.fillRect(from, bbox.top, Math.max(to - from, 2), bbox.height);
  }
  ctx.restore();
}

function mark(plot, { at }, chart) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = ratio;
  if (chart.kind === "evidence") {
    const y = Math.round(plot.valToPos(0, "y", true));
    ctx.strokeStyle = colour("--major");
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    line(ctx, bbox.left, y, bbox.left + bbox.width, y);
  }
  if (at) {
    const x = plot.valToPos(Date.parse(at) / 1000, "x", true);
    ctx.strokeStyle = colour("--text");
    ctx.setLineDash([]);
    line(ctx, x, bbox.top, x, bbox.top + bbox.height);
  }
  ctx.restore();
}

function line(ctx, x1, y1, x2, y2) {
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
}

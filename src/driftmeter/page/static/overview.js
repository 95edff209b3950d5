// The overview of a model: is it all right, since when, what changed; then its features, the worst cause first.

import { html, useEffect, useMemo, useState } from "./vendor/preact.js";
import { ofModel } from "./data.js";
import { Features } from "./rows.js";
import { Strip } from "./marks.js";
import { Failed, Icon, Link, Loading, memo, Time, useLive, useLoad, useNow } from "./parts.js";
import { toIncident, toIncidents } from "./route.js";
import { Acknowledge, Marks } from "./actions.js";
import { count, effectWord, evidenceWord, headline, length, listed, moment, percent, plural, rate, stateOf, zone } from "./words.js";

const WORST = ["none", "slight", "minor", "major"];
export const worstOf = (features) =>
  features.reduce((worst, one) => (one.state === "drifting" && WORST.indexOf(one.severity) > WORST.indexOf(worst) ? one.severity : worst), "none");

export function Overview({ route }) {
  const { model } = route;
  const { version, connection, refresh } = useLive(model);
  const { data, error } = useLoad(ofModel(model, "/overview"), version);
  const trends = useTrends(model, data);
  const severity = data ? worstOf(data.features) : "none";
  useEffect(() => {
    if (data) document.title = `${data.state === "drifting" ? "▲ " : ""}${model}: ${stateOf(data.state, severity).word} – driftmeter`;
  }, [data && data.state, severity]);
  if (!data) return error ? html`<${Failed} error=${error} retry=${refresh} />` : html`<${Loading} />`;
  // the only open incident is told by the head of the page
  const open = data.incidents.filter((one) => one.state === "open");
  const told = open.length === 1 ? open[0] : null;
  return html`<${Hero} data=${data} severity=${severity} told=${told} refresh=${refresh} connection=${error && !error.status ? "lost" : connection} />
    ${data.notes && data.notes.length ? html`<section class="marks" aria-label="Not as expected">${data.notes.map((note) => html`<p>${note}</p>`)}</section>` : null}
    ${data.hours ? html`<div class="strips"><${Strips} data=${data} /></div>` : null}
    <${Open} model=${model} incidents=${data.incidents} told=${told} refresh=${refresh} />
    <${Marks} model=${model} expected=${data.expected} at=${data.at} refresh=${refresh} />
    <${Features} model=${model} features=${data.features} trends=${trends} />`;
}

// The trends are loaded after the first paint, and again as often as they have a new point.
function useTrends(model, data) {
  const [turn, setTurn] = useState(0);
  const { data: trends } = useLoad(data ? ofModel(model, "/trends") : null, turn);
  const seconds = trends ? Math.max(10, Math.min(trends.step_seconds, 900)) : 0;
  useEffect(() => {
    if (!seconds) return undefined;
    const timer = setInterval(() => document.hidden || setTurn((value) => value + 1), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return trends;
}

// --- state, since when, what changed

function Hero({ data, severity, told, refresh, connection }) {
  const { look } = stateOf(data.state, severity);
  const sentence = data.summary || sentenceOf(data);
  return html`<section class=${`hero ${look}`} aria-label="State of the model">
      <div class="verdict"><span class=${`badge ${look}`}><${Icon} name=${look} /></span>
        <div><h1 aria-live="polite">${data.model}: ${data.state === "drifting" && severity !== "none" ? `${severity} drift` : headline(data.state).toLowerCase()}</h1>
          <p class="summary">${sentence}</p>
          ${data.since ? html`<p class="since">${data.state === "drifting" ? "Since" : "Last drift ended before"} <${Time} time=${data.since} />${data.state === "drifting" ? ` · ${blame(data)}` : ""}</p>` : null}
          ${told ? html`<div class="buttons"><${Link} class="button" href=${toIncident(data.model, told.id)}>Show incident</${Link}><${Acknowledge} model=${data.model} incident=${told} refresh=${refresh} /></div>` : null}
        </div></div>
      <${Facts} data=${data} connection=${connection} />
    </section>`;
}

// How large and how sure the worst cause is, and how many there are: very large, certain · 1 cause, 3 follow
function blame({ features, causes }) {
  const worst = features.find((one) => one.feature === causes[0]);
  const behind = features.filter((one) => one.state === "drifting" && one.follows).length;
  const sure = worst ? `${effectWord(worst.effect)}, ${evidenceWord(worst.evidence)} · ` : "";
  return `${sure}${plural(causes.length, "cause")}${behind ? `, ${count(behind)} ${behind === 1 ? "follows" : "follow"}` : ""}`;
}

function sentenceOf({ state, features }) {
  const drifting = features.filter((one) => one.state === "drifting");
  if (drifting.length) return `${listed(drifting.map((one) => one.feature))} ${drifting.length === 1 ? "drifts" : "drift"}.`;
  const pending = features.filter((one) => one.state === "pending");
  if (pending.length) return `${listed(pending.map((one) => one.feature))} may be changing; not sure enough to alarm.`;
  if (state === "ok") return `All ${plural(features.length, "feature")} look like the reference.`;
  if (state === "calibrating") return "Evidence is shown; nothing pages before twelve days with rows.";
  if (state === "uncalibrated") return "The profile was made without times: scores are shown, nothing pages.";
  return "Only a very large shift could be seen with so few rows.";
}

function Facts({ data, connection }) {
  const { window: shown, sources } = data;
  if (!data.at) return html`<dl class="facts"><div><dt>File</dt><dd><data value=${data.rows}>${plural(data.rows, "row")}</data></dd></div></dl>`;
  const wide = shown.start ? Date.parse(shown.end) - Date.parse(shown.start) : null;
  return html`<dl class="facts">
    <div><dt>Data</dt><dd><${Freshness} data=${data} connection=${connection} /></dd></div>
    <div><dt>Traffic</dt><dd><data value=${data.rows_per_second}>${rate(data.rows_per_second)}</data></dd></div>
    <div><dt>Window</dt><dd title=${shown.start ? `${moment(shown.start)} to ${moment(shown.end)} ${zone(Date.parse(shown.end))}` : ""}>
      <data value=${data.rows}>${plural(data.rows, "row")}</data>${wide === null ? "" : html`<small> in ${length(wide)}</small>`}</dd></div>
    <div><dt>Coverage</dt><dd title="Share of the rows seen by the sources lately that is judged"><data value=${data.coverage}>${percent(data.coverage)}</data></dd></div>
    <div><dt>Sources</dt><dd>${count(sources.live)} live${sources.silent ? html`, <strong class="warn">${count(sources.silent)} silent</strong>` : ""}</dd></div>
  </dl>`;
}

// Whether what is shown is of now: live, stale, or the connection is gone. Said to screen readers as it changes.
function Freshness({ data, connection }) {
  const now = useNow();
  const newest = data.window.end ? Date.parse(data.window.end) : null;
  const [look, text] = freshness(data, newest, connection, now);
  return html`<span class=${`fresh ${look}`} role="status">${text}</span>${newest ? html`<small> ${moment(newest)} ${zone(newest)}</small>` : null}`;
}

function freshness(data, newest, connection, now) {
  if (connection === "lost") return ["bad", "connection lost, trying again"];
  if (newest === null) return ["stale", "no rows yet"];
  if (connection === "saved") return ["stale", "saved"];
  const late = now - newest;
  if (late <= data.stale_after_seconds * 1000) return ["good", "live"];
  if (data.sources.closed && !data.sources.live && !data.sources.silent) return ["stale", `sources closed, no rows for ${length(late)}`];
  return ["stale", `no rows for ${length(late)}`];
}

const Strips = memo(({ data }) => {
  const recent = useMemo(() => data.incidents, [data]);
  // a model of a day has no more than that to show
  const old = data.days.states.slice(0, -5).some((state) => state !== null);
  return html`<${Strip} ...${data.hours} incidents=${recent} />${old ? html`<${Strip} ...${data.days} incidents=${recent} />` : null}`;
});

// --- open incidents

function Open({ model, incidents, told, refresh }) {
  const open = incidents.filter((one) => one.state === "open" && one !== told);
  if (!open.length) return null;
  return html`<section class="open" aria-label="Open incidents">
    ${open.slice(0, 5).map((one) => html`<article key=${one.id} class=${`incident ${stateOf("drifting", one.severity).look}`}>
      <${Icon} name=${stateOf("drifting", one.severity).look} />
      <p><${Link} href=${toIncident(model, one.id)}><strong>Open incident</strong></${Link}> · ${one.summary || listed(one.features.map((member) => member.feature))}
        <span class="soft"> since <${Time} time=${one.since} /></span></p>
      <${Acknowledge} model=${model} incident=${one} refresh=${refresh} /></article>`)}
    ${open.length > 5 ? html`<p><${Link} href=${toIncidents(model)}>${open.length - 5} more open incidents</${Link}></p>` : null}
  </section>`;
}

// One feature: what changed and how sure that is, its two distributions, its tests, its past; at any time that is kept.

import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";
import { isLive, name, ofModel } from "./data.js";
import { Apart, Shape } from "./shape.js";
import { Expect, Normal } from "./actions.js";
import { CopyLink, Effect, Evidence, Failed, Icon, Link, Loading, Time, useLive, useLoad, Why } from "./parts.js";
import { go, toFeature, toModel } from "./route.js";
import { evidenceMeans, length, moment, number, plural, pValue, STATE_MEANS, stateOf, zone } from "./words.js";

const SPANS = [["1h", "1 h", 3_600_000], ["1d", "24 h", 86_400_000], ["7d", "7 d", 7 * 86_400_000], ["30d", "30 d", 30 * 86_400_000]];

// The charts of the past, and uPlot with them, are loaded once a feature is looked at.
function useTimeline() {
  const [charts, setCharts] = useState(null);
  useEffect(() => void import("./timeline.js").then(setCharts), []);
  return charts;
}

export function FeatureView({ route }) {
  const { model, feature, at } = route;
  const { version, connection, refresh } = useLive(model);
  const path = ofModel(model, `/features/${name(feature)}`);
  // a window of the past does not change
  const { data, error, loading } = useLoad(at ? `${path}?at=${name(at)}` : path, at ? 0 : version, true);
  const [chosen, setSpan] = useState(null);
  const [young, setYoung] = useState(false);
  const charts = useTimeline();
  const span = chosen || (young ? "1h" : "1d");
  const past = usePast(model, feature, span, version);
  // a model of minutes is one point of a day
  const steps = past.data ? past.data.rows.filter((rows) => rows).length : 0;
  useEffect(() => {
    if (past.data && span === "1d" && steps < 7) setYoung(true);
  }, [steps, span]);
  useEffect(() => {
    if (data) document.title = `${data.state === "drifting" ? "▲ " : ""}${feature}: ${stateOf(data.state, data.severity).word} – ${model}`;
  }, [data && data.state, data && data.severity]);
  const head = html`<p class="crumbs"><${Link} href=${toModel(model)}><${Icon} name="back" />${model}</${Link}></p>`;
  if (!data) return html`${head}${error ? html`<h1>${feature}</h1><${Failed} error=${error} retry=${refresh} />` : html`<${Loading} />`}`;
  const { word, look } = stateOf(data.state, data.severity);
  const lost = connection === "lost" || (error && !error.status);
  return html`${head}
    <section class=${`hero ${look}`} aria-label="State of the feature">
      <div class="verdict"><span class=${`badge ${look}`}><${Icon} name=${look} /></span>
        <div><h1>${feature}: ${word}</h1>
          <p class="summary"><${Why} change=${data.change} why=${data.why} /></p>
          <p class="since">${data.since ? html`Since <${Time} time=${data.since} />` : STATE_MEANS[data.state]}
            ${data.follows ? html` · follows <${Link} href=${toFeature(model, data.follows)}>${data.follows}</${Link}>` : ""}
            ${data.expected_until ? html` · expected until <${Time} time=${data.expected_until} relative=${false} />` : ""}</p></div></div>
      <p class="buttons">${data.state === "drifting" || data.state === "pending" ? html`<${Expect} model=${model} feature=${feature} refresh=${refresh} />
        <${Normal} model=${model} feature=${feature} since=${data.since} refresh=${refresh} />` : null}<${CopyLink} /></p>
      <dl class="facts">
        <div><dt>How sure that it drifts</dt><dd title=${evidenceMeans(data.evidence)}><${Evidence} evidence=${data.evidence} /></dd></div>
        <div><dt>How large</dt><dd title="Population stability index, without what chance adds"><${Effect} effect=${data.effect} /> <small>PSI</small></dd></div>
        <div><dt>Kind</dt><dd>${data.kind}${data.role === "feature" ? "" : `, ${data.role}`}</dd></div>
        ${data.smallest_shift && data.kind === "numeric" ? html`<div><dt>Would show by now</dt><dd>a shift of ${number(data.smallest_shift)} <small>standard deviations</small></dd></div>` : null}
        ${lost ? html`<div><dt>Data</dt><dd><span class="fresh bad" role="status">connection lost, trying again</span></dd></div>` : null}
      </dl>
    </section>
    ${data.shape ? html`<${Distribution} data=${data} at=${at} loading=${loading} error=${error} past=${past} charts=${charts} model=${model} feature=${feature} />` : null}
    ${charts && (isLive || past.data) ? html`<${charts.Past} past=${past} span=${span} spans=${SPANS} setSpan=${setSpan} at=${at ? data.at : null} onPick=${(time) => go(toFeature(model, feature, time), { replace: true })} />` : null}
    ${data.scores ? html`<${Scores} scores=${data.scores} />` : null}`;
}

// --- the past of the feature, asked for again once a minute at most

function usePast(model, feature, span, version) {
  const [asked, setAsked] = useState(0);
  const last = useRef(0);
  useEffect(() => {
    if (Date.now() - last.current < 60_000) return;
    last.current = Date.now();
    setAsked(version);
  }, [version]);
  const wide = SPANS.find(([key]) => key === span)[2];
  const path = useMemo(() => {
    const from = new Date(Date.now() - wide).toISOString();
    return ofModel(model, `/features/${name(feature)}/timeline${isLive ? `?from=${from}&points=400` : ""}`);
  }, [model, feature, span, asked]);
  return useLoad(path, 0, true);
}

// --- the two distributions

function Distribution({ data, at, loading, error, past, charts, model, feature }) {
  const { shape } = data;
  const shown = at ? {} : data.windows.judging;
  const to = (time) => go(toFeature(model, feature, time), { replace: true });
  return html`<section class="card" aria-labelledby="shape-title">
    <div class="bar"><h2 id="shape-title">Now against the reference</h2>
      <p class="keys"><span class="key-ref">reference, ${plural(shape.reference_rows, "row")}</span> <span class="key-now">${at ? "then" : "now"}, ${plural(shape.now_rows, "row")}</span></p></div>
    <${Shape} shape=${shape} name=${feature} change=${data.change} then=${Boolean(at)} />
    <${Apart} shape=${shape} />
    ${shown.start ? html`<p class="soft note">Window: ${windowText(shown)}.</p>` : null}
    ${charts ? html`<${charts.Slider} past=${isLive ? past.data : null} at=${at ? data.at : null} onPick=${to} busy=${loading && Boolean(at)} />` : null}
    ${error && error.status ? html`<p class="warn" role="alert">${error.message}</p>` : null}
  </section>`;
}

// 00:23:46 to 00:24:22 UTC, 36 s
function windowText({ start, end }) {
  const wide = Date.parse(end) - Date.parse(start);
  const at = (time) => moment(time, Date.now(), wide < 600_000);
  return `${at(start)} to ${at(end)} ${zone(Date.parse(end))}, ${length(wide)}`;
}

// --- every test, with its limit

function Scores({ scores }) {
  return html`<section class="card" aria-labelledby="scores-title"><h2 id="scores-title">What each test says</h2>
    <table class="plain scores"><caption class="hidden">Drift tests of the window that is shown</caption>
      <thead><tr><th scope="col">Test</th><th scope="col">Says</th><th scope="col" class="right">Statistic</th><th scope="col" class="right">Limit</th><th scope="col" class="right">p-value</th></tr></thead>
      <tbody>${scores.map((one) => html`<tr key=${one.test} class=${one.drifting ? "beyond" : ""}>
        <th scope="row">${one.test}</th><td>${one.drifting ? html`<span class="warn"><${Icon} name="minor" /> beyond its limit. </span>` : ""}${one.what}</td>
        <td class="right"><data value=${one.statistic}>${number(one.statistic)}</data></td><td class="right">${one.of === "p_value" ? `p ≤ ${number(one.threshold)}` : number(one.threshold)}</td><td class="right">${pValue(one.p_value)}</td></tr>`)}</tbody></table></section>`;
}

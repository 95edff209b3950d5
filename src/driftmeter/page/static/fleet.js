// The fleet: all models, the worst first.

import { html, useEffect } from "./vendor/preact.js";
import { root } from "./data.js";
import { Failed, Link, Loading, State, Time, useLive, useLoad } from "./parts.js";
import { toModel } from "./route.js";
import { count, listed, percent, plural, rate } from "./words.js";

const RANK = ["drifting", "pending", "uncalibrated", "calibrating", "insufficient", "ok"];
const SEVERE = ["none", "slight", "minor", "major"];

const worst = (one) => RANK.indexOf(one.state) * 10 - SEVERE.indexOf(one.severity || "none");

export function Fleet({ models: first }) {
  const { version, connection } = useLive(null);
  const later = useLoad(version ? "v1/models" : null, version);
  const { data, error } = later.data ? later : first;
  const models = data ? [...data.models].sort((one, other) => worst(one) - worst(other)) : [];
  const bad = models.filter((one) => one.state === "drifting").length;
  useEffect(() => {
    document.title = bad ? `▲ ${plural(bad, "model")} drifting – driftmeter` : "driftmeter";
  }, [bad]);
  if (!data) return error ? html`<${Failed} error=${error} />` : html`<${Loading} />`;
  const judged = models.every((one) => one.state === "ok");
  if (!models.length) return html`<${NoModel} />`;
  return html`<div class="hero"><h1>${bad ? `${count(bad)} of ${plural(models.length, "model")} ${bad === 1 ? "drifts" : "drift"}` : judged ? "All models are as they should be" : "No model drifts"}</h1>
      <p class="live" role="status">${connection === "lost" ? "Connection lost, trying again." : ""}</p></div>
    <table class="plain fleet"><caption class="hidden">Models, the worst first</caption>
      <thead><tr><th scope="col">Model</th><th scope="col">State</th><th scope="col">Since</th><th scope="col">What changed</th>
        <th scope="col" class="right">Rows</th><th scope="col" class="right">Coverage</th><th scope="col">Sources</th></tr></thead>
      <tbody>${models.map((one) => html`<tr key=${one.model}>
        <th scope="row"><${Link} data-row href=${toModel(one.model)}>${one.model}</${Link}></th>
        <td><${State} state=${one.state} severity=${one.severity} /></td>
        <td>${one.since ? html`<${Time} time=${one.since} />` : html`<span class="soft">–</span>`}</td>
        <td>${one.summary || html`<span class="soft">${one.state === "ok" ? "nothing" : ""}</span>`}</td>
        <td class="right">${one.rows_per_second === undefined || one.rows_per_second === null ? count(one.rows) : rate(one.rows_per_second)}</td>
        <td class="right">${percent(one.coverage)}</td>
        <td>${plural(one.sources, "source")}${one.silent.length ? html`, <strong class="warn">${one.silent.length} silent</strong>: ${listed(one.silent, 2)}` : ""}</td>
      </tr>`)}</tbody></table>`;
}

function NoModel() {
  const server = root.href.slice(0, -1); // behind a gateway's prefix too
  return html`<div class="empty"><h1>No model yet</h1>
    <p>Make a profile of the data that the model was trained on, and put it here:</p>
    <pre><code>driftmeter profile train.parquet --model NAME -o profile.json
curl -X PUT ${server}/v1/models/NAME/profile --data-binary @profile.json</code></pre>
    <p>Then let the model server report what it sees: <code>Monitor("${server}", "NAME")</code>.</p></div>`;
}

// The profile: what it made of each column of the reference, and what it left out and why.

import { html, useEffect, useState } from "./vendor/preact.js";
import { ofModel } from "./data.js";
import { Failed, Link, Loading, useLoad } from "./parts.js";
import { toFeature } from "./route.js";
import { count, length, moment, number, percent, plural } from "./words.js";

export function ProfileView({ route }) {
  const { model } = route;
  const { data, error } = useLoad(ofModel(model, "/profile/summary"));
  const [query, setQuery] = useState("");
  useEffect(() => {
    document.title = `Profile – ${model}`;
  }, [model]);
  if (!data) return error ? html`<${Failed} error=${error} />` : html`<${Loading} />`;
  const text = query.trim().toLowerCase();
  const features = data.features.filter((one) => one.feature.toLowerCase().includes(text));
  return html`<div class="hero"><h1>The reference of ${model}</h1><p class="summary">${plural(data.rows, "row")}${data.period ? `, ${moment(data.period.start)} to ${moment(data.period.end)} (${number(data.period.days)} days)` : ", without times"}. ${calibrated(data)}</p>
      ${data.notes.length ? html`<ul class="notes">${data.notes.map((note) => html`<li key=${note}>${note}</li>`)}</ul>` : null}</div>
    <section class="card"><div class="bar"><h2>What was made of each column</h2><input type="search" placeholder="Search  /" aria-label="Search features" value=${query} onInput=${(event) => setQuery(event.target.value)} /></div>
      <table class="plain profile"><caption class="hidden">Features of the profile</caption><thead><tr><th scope="col">Feature</th><th scope="col">Kind</th><th scope="col" class="right">Bins</th><th scope="col" class="right">Missing</th>
        <th scope="col" class="right">Single values</th><th scope="col" class="right">Distinct</th><th scope="col" class="right">Explained by the others</th><th scope="col">Note</th></tr></thead>
      <tbody>${features.map((one) => html`<tr key=${one.feature}><th scope="row"><${Link} data-row href=${toFeature(model, one.feature)}>${one.feature}</${Link}>${one.column && one.column !== one.feature ? html`<small>of ${one.column}</small>` : null}</th>
        <td>${one.kind}${one.role === "feature" ? "" : `, ${one.role}`}</td><td class="right">${count(one.bins)}</td><td class="right">${percent(one.missing)}</td><td class="right">${count(one.atoms)}</td><td class="right">${count(one.distinct)}</td>
        <td class="right">${one.explained === null || one.explained === undefined ? "–" : percent(one.explained)}</td><td>${one.note || ""}</td></tr>`)}</tbody></table></section>
    ${data.left_out.length ? html`<section class="card"><h2>Left out</h2><table class="plain"><caption class="hidden">Columns left out</caption><thead><tr><th scope="col">Column</th><th scope="col">Why</th></tr></thead>
      <tbody>${data.left_out.map((one) => html`<tr key=${one.column}><th scope="row">${one.column}</th><td>${one.why}</td></tr>`)}</tbody></table></section>` : null}`;
}

function calibrated({ calibrated: known, independent }) {
  if (independent) return "Its rows count as independent of each other: alarms rest on that.";
  if (!known) return "It is not calibrated: scores are shown, and nothing pages.";
  const lengths = known.lengths_seconds;
  return `Calibrated over ${number(known.days)} days, for windows of ${length(lengths[0] * 1000)} to ${length(lengths[lengths.length - 1] * 1000)}.`;
}

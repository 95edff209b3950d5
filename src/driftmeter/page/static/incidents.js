// Incidents: what opened, why, which features together, when it closed; and one of them by itself.

import { html, useEffect } from "./vendor/preact.js";
import { ofModel } from "./data.js";
import { Acknowledge, Expect, Normal } from "./actions.js";
import { CopyLink, Effect, Evidence, Failed, Icon, Link, Loading, State, Time, useLive, useLoad, Why } from "./parts.js";
import { toFeature, toIncident, toIncidents } from "./route.js";
import { length, listed, plural, stateOf } from "./words.js";

export function Incidents({ route }) {
  const { model, incident: id } = route;
  const { version, refresh } = useLive(model);
  const { data, error } = useLoad(ofModel(model, "/incidents"), version);
  useEffect(() => {
    document.title = `${id ? "Incident" : "Incidents"} – ${model}`;
  }, [id, model]);
  if (!data) return error ? html`<${Failed} error=${error} retry=${refresh} />` : html`<${Loading} />`;
  if (id) {
    const one = data.incidents.find((incident) => incident.id === id);
    return html`<p class="crumbs"><${Link} href=${toIncidents(model)}><${Icon} name="back" />All incidents</${Link}></p>
      ${one ? html`<${Incident} model=${model} one=${one} alone refresh=${refresh} />` : html`<h1>No such incident</h1><p>It may be of a former profile, or older than what is kept.</p>`}`;
  }
  const open = data.incidents.filter((one) => one.state === "open");
  return html`<div class="hero"><h1>${open.length ? `${plural(open.length, "open incident")}` : "No open incident"}</h1>
      <p class="soft">${plural(data.incidents.length, "incident")} by this profile.</p></div>
    ${data.incidents.map((one) => html`<${Incident} key=${one.id} model=${model} one=${one} refresh=${refresh} />`)}`;
}

const sentence = (one) => one.summary || `${listed((one.causes && one.causes.length ? one.causes : one.features.map((member) => member.feature)), 4)} drifted.`;

function Incident({ model, one, alone, refresh }) {
  const { look } = stateOf("drifting", one.severity);
  const open = one.state === "open";
  const causes = new Set(one.causes || []);
  const members = [...one.features].sort((first, other) => causes.has(other.feature) - causes.has(first.feature));
  return html`<article class=${`card incident-card ${open ? look : "closed"}`} aria-label=${`Incident since ${one.since}`}>
    <div class="bar">${h1or2(alone, html`<${State} state="drifting" severity=${one.severity} /> ${open ? "open" : "closed"}`)}
      <span class="space"></span><${CopyLink} href=${toIncident(model, one.id)} />${alone ? null : html`<${Link} class="button" href=${toIncident(model, one.id)}>Details</${Link}>`}</div>
    <p class="summary">${sentence(one)}</p>
    <ol class="steps"><li>Began <${Time} time=${one.since} /></li><li>Found <${Time} time=${one.opened} /> <span class="soft">after ${length(Date.parse(one.opened) - Date.parse(one.since))}</span></li>
      ${one.reopened ? html`<li>Returned <${Time} time=${one.reopened} /></li>` : null}
      <li>${one.closed ? html`Over <${Time} time=${one.closed} /> <span class="soft">after ${length(Date.parse(one.closed) - Date.parse(one.since))}</span>` : "Goes on"}</li></ol>
    <${Acknowledge} model=${model} incident=${one} refresh=${refresh} />
    ${alone ? html`<table class="plain members"><caption class="hidden">Features of the incident</caption>
      <thead><tr><th scope="col">Feature</th><th scope="col">State</th><th scope="col">Since</th><th scope="col">Why</th><th scope="col">Effect</th><th scope="col">Evidence</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
      <tbody>${members.map((member) => html`<tr key=${member.feature}><th scope="row">${member.follows ? html`<${Icon} name="follow" />` : null}<${Link} data-row href=${toFeature(model, member.feature)}>${member.feature}</${Link}>
          ${member.follows ? html`<small>follows ${member.follows}</small>` : null}</th>
        <td>${member.over ? html`<span class="soft">${ENDED[member.ended] || "over"} <${Time} time=${member.over} /></span>` : html`<${State} state="drifting" severity=${member.severity} />`}</td>
        <td><${Time} time=${member.since} /></td><td><${Why} change=${member.change} why=${member.why} /></td><td><${Effect} effect=${member.effect} /></td><td><${Evidence} evidence=${member.evidence} /></td>
        <td class="buttons">${open && !member.over && !member.follows ? html`<${Expect} model=${model} feature=${member.feature} refresh=${refresh} /><${Normal} model=${model} feature=${member.feature} since=${member.since} refresh=${refresh} />` : null}</td></tr>`)}</tbody></table>`
      : html`<p class="soft">${listed(members.map((member) => member.feature), 6)}</p>`}
  </article>`;
}

const ENDED = { returned: "over", expected: "drift expected,", silenced: "does not page," };
const h1or2 = (first, content) => (first ? html`<h1>${content}</h1>` : html`<h2>${content}</h2>`);

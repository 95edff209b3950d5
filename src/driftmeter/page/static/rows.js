// The list of features: search, filter, sort; a cause with its followers folded beneath it; hundreds of rows stay smooth.

import { Component, html, useCallback, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";
import { MiniDensity, Sparkline } from "./marks.js";
import { Choice, Effect, Evidence, Icon, Link, memo, State, Time } from "./parts.js";
import { toFeature } from "./route.js";
import { count, evidenceMeans, length, listed, percent, plural, zone } from "./words.js";

const FIRST = 24;
const points = ({ features }) => (Object.values(features)[0] || { evidence: [] }).evidence.length;
const number = (value) => (value === null || value === undefined ? -Infinity : value);
const SORTS = {
  worst: ["Worst first", null], // as the server has them: causes, followers, pending, the rest by evidence
  evidence: ["Evidence", (one, other) => number(other.evidence) - number(one.evidence)],
  effect: ["Effect", (one, other) => number(other.effect) - number(one.effect)],
  importance: ["Importance", (one, other) => number(other.importance) - number(one.importance)],
  since: ["Newest", (one, other) => (other.since || "").localeCompare(one.since || "")],
  name: ["Name", (one, other) => one.feature.localeCompare(other.feature, "en", { numeric: true })],
};
const FILTERS = {
  all: () => true,
  drifting: (one) => one.state === "drifting",
  pending: (one) => one.state === "pending",
  ok: (one) => one.state === "ok",
  other: (one) => !["drifting", "pending", "ok"].includes(one.state),
};
const FILTER_WORDS = { all: "All", drifting: "Drifting", pending: "Pending", ok: "All right", other: "Not judged yet" };

// --- what the address holds of it: ?q=&show=&sort=

function useChoice(key, otherwise) {
  const [value, setValue] = useState(() => new URLSearchParams(location.search).get(key) || otherwise);
  const set = useCallback((next) => {
    setValue(next);
    const query = new URLSearchParams(location.search);
    if (next === otherwise) query.delete(key);
    else query.set(key, next);
    history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
  }, [key]);
  return [value, set];
}

export function Features({ model, features, trends }) {
  const [query, setQuery] = useChoice("q", "");
  const [chosen, setShow] = useChoice("show", "all");
  const [sorting, setSort] = useChoice("sort", "worst");
  const show = chosen in FILTERS ? chosen : "all";
  const sort = sorting in SORTS ? sorting : "worst";
  const [unfolded, setUnfolded] = useState(() => new Set());
  const toggle = useCallback((feature) => setUnfolded((former) => {
    const next = new Set(former);
    if (!next.delete(feature)) next.add(feature);
    return next;
  }), []);

  const counts = useMemo(() => {
    const numbers = {};
    for (const key in FILTERS) numbers[key] = features.filter(FILTERS[key]).length;
    return numbers;
  }, [features]);
  const calm = useCalmOrder(features, sort);
  const arrangement = useMemo(() => arranged(calm, query, show, unfolded, sort === "worst"), [calm, query, show, sort, unfolded]);
  // the first paint has the rows that are seen, the next all
  const [most, setMost] = useState(FIRST);
  useEffect(() => {
    const timer = setTimeout(() => setMost(Infinity), 50);
    return () => clearTimeout(timer);
  }, []);
  const rows = arrangement.length > most ? arrangement.slice(0, most) : arrangement;
  const weighed = features.some((one) => one.importance !== null && one.importance !== undefined);
  const sorts = Object.entries(SORTS).filter(([key]) => key !== "importance" || weighed);
  const filters = Object.keys(FILTERS).filter((key) => key === "all" || key === show || counts[key]);
  return html`<section class="features" aria-labelledby="features-title">
    <div class="bar"><h2 id="features-title">Features</h2>
      <input type="search" placeholder="Search  /" aria-label="Search features" value=${query}
        onInput=${(event) => setQuery(event.target.value)} onKeyDown=${(event) => event.key === "Escape" && setQuery("")} />
      <${Choice} label="Show" value=${show} onChange=${setShow} options=${filters.map((key) => [key, html`${FILTER_WORDS[key]} <span class="soft">${count(counts[key])}</span>`])} />
      <label class="sort"><span>Sort</span> <select aria-label="Sort" value=${sort} onChange=${(event) => setSort(event.target.value)}>
        ${sorts.map(([key, [text]]) => html`<option key=${key} value=${key} selected=${key === sort}>${text}</option>`)}</select></label></div>
    <p class="hidden" role="status">${query || show !== "all" ? plural(arrangement.length, "feature") : ""}</p>
    ${rows.length
      ? html`<table class="rows" role="table" aria-label="Features" aria-rowcount=${arrangement.length + 1}>
          <thead role="rowgroup"><tr role="row"><th role="columnheader" class="name">Feature</th><th role="columnheader" class="is">State</th>
            <th role="columnheader" class="since">Since (${zone()})</th><th role="columnheader" class="what">What changed</th><th role="columnheader" class="much" title="Population stability index, without what chance adds">Effect (PSI)</th>
            <th role="columnheader" class="sure">Evidence</th><th role="columnheader" class="trend">Evidence${trends ? `, ${length(trends.step_seconds * 1000 * points(trends))}` : ""}</th><th role="columnheader" class="shape"><span class="key-now">now</span>${" "}<span class="key-ref">reference</span></th></tr></thead>
          <tbody role="rowgroup">${rows.map((row, index) => html`<${Row} key=${row.one.feature} place=${index} model=${model} one=${row.one} fold=${row.fold} under=${row.under}
            open=${unfolded.has(row.one.feature)} toggle=${toggle} trend=${trends && trends.features[row.one.feature]} eager=${index < FIRST} />`)}</tbody></table>`
      : html`<p class="empty">No feature is like that. <button type="button" class="quiet" onClick=${() => { setQuery(""); setShow("all"); }}>Show all</button></p>`}
  </section>`;
}

// The features in order. Numbers change with every pane, and rows that jump about cannot be read: features change places
// only when one of them changes its state, or another order is asked for.
function useCalmOrder(features, sort) {
  const known = useRef({ key: null, places: null }).current;
  return useMemo(() => {
    const key = `${sort}\n${features.map((one) => `${one.feature} ${one.state} ${one.severity} ${one.follows}`).sort().join("\n")}`;
    if (known.key !== key) {
      const sorted = SORTS[sort][1] ? [...features].sort(SORTS[sort][1]) : features;
      known.key = key;
      known.places = new Map(sorted.map((one, place) => [one.feature, place]));
    }
    return [...features].sort((one, other) => known.places.get(one.feature) - known.places.get(other.feature));
  }, [features, sort]);
}

// The rows to show: [{one, fold: names of those that follow it, or null, under: whether it is shown beneath its cause}]
function arranged(features, query, show, unfolded, folding) {
  const text = query.trim().toLowerCase();
  const matches = (one) => !text || one.feature.toLowerCase().includes(text) || (one.column || "").toLowerCase().includes(text);
  const shown = features.filter((one) => FILTERS[show](one) && matches(one));
  if (!folding) return shown.map((one) => ({ one, fold: null, under: false }));
  const followers = new Map();
  const present = new Set(shown.map((one) => one.feature));
  for (const one of shown) {
    if (!one.follows || !present.has(one.follows) || text) continue;
    if (!followers.has(one.follows)) followers.set(one.follows, []);
    followers.get(one.follows).push(one);
  }
  const rows = [];
  for (const one of shown) {
    if (one.follows && followers.has(one.follows)) continue;
    const beneath = followers.get(one.feature);
    rows.push({ one, fold: beneath ? beneath.map((follower) => follower.feature).join("\n") : null, under: false });
    if (beneath && unfolded.has(one.feature)) rows.push(...beneath.map((follower) => ({ one: follower, fold: null, under: true })));
  }
  return rows;
}

// --- rows: those far from what is seen keep what they last showed, and have no pictures

const rowsByElement = new WeakMap();
const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const row = rowsByElement.get(target);
    if (row && row.near !== isIntersecting) row.setNear(isIntersecting);
  }
}, { rootMargin: "400px 0px" });

class Row extends Component {
  constructor(props) {
    super(props);
    this.near = props.eager;
    this.drawn = props.eager;
    this.stale = false;
  }
  setNear(near) {
    this.near = near;
    if (near && (this.stale || !this.drawn)) {
      this.drawn = true;
      this.stale = false;
      this.forceUpdate();
    }
  }
  componentDidMount() {
    rowsByElement.set(this.base, this);
    observer.observe(this.base);
  }
  componentWillUnmount() {
    observer.unobserve(this.base);
  }
  shouldComponentUpdate(next) {
    const { one, fold, under, open, trend, place } = this.props;
    const same = next.fold === fold && next.under === under && next.open === open;
    if (same && next.place === place && next.trend === trend && alike(next.one, one)) return false;
    if (this.near || !same || next.one.state !== one.state || next.one.severity !== one.severity) return true;
    this.stale = true;
    return false;
  }
  render({ model, one, fold, under, open, toggle, trend, place }) {
    const href = toFeature(model, one.feature);
    return html`<tr role="row" aria-rowindex=${place + 2} class=${`row ${one.state === "drifting" ? one.severity : one.state}${under ? " under" : ""}`} data-feature=${one.feature}>
      <th role="rowheader" scope="row" class="name"><${Link} data-row href=${href}>${under ? html`<${Icon} name="follow" />` : null}${one.feature}</${Link}>
        <small>${one.role === "feature" ? one.kind : `${one.kind}, ${one.role}`}${one.pages === false ? " · does not page" : ""}${one.importance ? html` · <span title="importance to the model">weight ${percent(one.importance)}</span>` : ""}</small></th>
      <td role="cell" class="is"><${State} state=${one.state} severity=${one.severity} /></td>
      <td role="cell" class="since">${one.since ? html`<${Time} time=${one.since} zoned=${false} />` : html`<span class="soft">–</span>`}</td>
      <td role="cell" class="what">${one.change ? html`<strong>${one.change.text}</strong>` : html`<span class=${one.state === "drifting" ? "" : "soft"}>${one.why}</span>`}
        ${one.follows && !under ? html`<small>follows ${one.follows}</small>` : null}
        ${fold ? html`<${Fold} feature=${one.feature} names=${fold} open=${open} toggle=${toggle} />` : null}</td>
      <td role="cell" class="much"><${Effect} effect=${one.effect} /></td>
      <td role="cell" class="sure"><${Evidence} evidence=${one.evidence} /></td>
      <td role="cell" class="trend">${this.drawn ? html`<${Sparkline} evidence=${trend && trend.evidence} />` : null}<span class="hidden">${evidenceMeans(one.evidence)}</span></td>
      <td role="cell" class="shape">${this.drawn ? html`<${MiniDensity} density=${one.density} />` : null}</td></tr>`;
  }
}

const SHOWN = ["state", "severity", "effect", "evidence", "since", "why", "follows", "pages", "importance"];
function alike(one, other) {
  if (one === other) return true;
  return SHOWN.every((key) => one[key] === other[key]) && (one.change && one.change.text) === (other.change && other.change.text) &&
    sameDensity(one.density, other.density);
}
function sameDensity(one, other) {
  if (!one || !other) return one === other;
  return one.now.every((value, index) => value === other.now[index]);
}

const Fold = memo(({ feature, names, open, toggle }) => {
  const list = names.split("\n");
  return html`<button type="button" class="fold" aria-expanded=${open ? "true" : "false"} onClick=${() => toggle(feature)}>
    <${Icon} name="follow" />${list.length} ${list.length === 1 ? "follows" : "follow"}: ${listed(list, 4)}</button>`;
});

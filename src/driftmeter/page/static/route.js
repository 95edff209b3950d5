// Deep links: addresses to views and back, by the history API.

import { isLive, name, root } from "./data.js";

// "/ui/MODEL/features/NAME?at=…" → {view, model, feature, incident, at}
export function parseRoute(location) {
  if (!isLive) return parsePath(location.hash.slice(1) || "/");
  const path = location.pathname.slice(root.pathname.length - 1);
  return parsePath(path + location.search);
}

function parsePath(address) {
  const [path, query = ""] = address.split("?");
  const parts = path.split("/").slice(1).map(decode);
  if (parts[0] !== "ui" || !parts[1]) return { view: "fleet" };
  const [, model, noun, ...rest] = parts;
  const id = rest.join("/");
  if (noun === "features" && id) {
    return { view: "feature", model, feature: id, at: timeOf(new URLSearchParams(query).get("at")) };
  }
  if (noun === "incidents") return { view: "incidents", model, incident: id || null };
  if (noun === "profile") return { view: "profile", model };
  return { view: "overview", model };
}

// Grafana's links have milliseconds since the epoch; the API knows ISO 8601 and seconds.
const timeOf = (at) => (/^\d{12,15}$/.test(at) ? new Date(Number(at)).toISOString() : at);

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function address(path) {
  return isLive ? new URL(path, root).href : `#/${path}`;
}

export const toFleet = () => address("");
export const toModel = (model) => address(`ui/${name(model)}`);
export const toFeature = (model, feature, at) =>
  address(`ui/${name(model)}/features/${name(feature)}${at ? `?at=${name(at)}` : ""}`);
export const toIncidents = (model) => address(`ui/${name(model)}/incidents`);
export const toIncident = (model, id) => address(`ui/${name(model)}/incidents/${name(id)}`);
export const toProfile = (model) => address(`ui/${name(model)}/profile`);

const listeners = new Set();
const tell = () => listeners.forEach((listener) => listener());
export function onRoute(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function go(href, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  tell();
}

addEventListener("popstate", tell);

// Links within the page change the view and load nothing; new tabs and the keyboard's modifiers work as ever.
document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("a[data-view]");
  if (!link || !isLive) return;
  event.preventDefault();
  if (link.href !== location.href) go(link.href);
  scrollTo(0, 0);
});

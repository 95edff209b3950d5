// The page: its frame, which view the address asks for, the theme, and the keys that work everywhere.

import { Component, h, html, render, useEffect, useState } from "./vendor/preact.js";
import { isLive, root } from "./data.js";
import { Fleet } from "./fleet.js";
import { FeatureView } from "./feature.js";
import { Incidents } from "./incidents.js";
import { Overview } from "./overview.js";
import { Failed, Link, useLoad } from "./parts.js";
import { ProfileView } from "./profile.js";
import { onRoute, parseRoute, toFleet, toIncidents, toModel, toProfile } from "./route.js";
import { Help, onKeys } from "./keys.js";

const VIEWS = { overview: Overview, feature: FeatureView, incidents: Incidents, profile: ProfileView };

function Page() {
  const [route, setRoute] = useState(() => parseRoute(location));
  const [help, setHelp] = useState(false);
  useEffect(() => onRoute(() => setRoute(parseRoute(location))), []);
  useEffect(() => onKeys({ route, help: () => setHelp(true) }), [route]);
  const models = useLoad("v1/models", route.view === "fleet" ? 0 : route.model);
  const known = models.data ? models.data.models.map((one) => one.model) : [];
  // one model alone needs no fleet
  const shown = route.view === "fleet" && known.length === 1 ? { view: "overview", model: known[0] } : route;
  const View = VIEWS[shown.view];
  return html`<a class="skip" href="#content" data-skip>Skip to content</a>
    <header class="top">
      <${Link} class="brand" href=${toFleet()}><svg viewBox="0 0 16 16" aria-hidden="true"><rect width="16" height="16" rx="4" /><path d="M2 11c3 0 2-6 5-6s3 6 7 6" /></svg>driftmeter</${Link}>
      ${shown.model ? html`<${Models} model=${shown.model} known=${known} />` : null}
      ${shown.model
        ? html`<nav aria-label="Views of the model">
            ${[["overview", "Overview", toModel], ["incidents", "Incidents", toIncidents], ["profile", "Profile", toProfile]].map(
              ([view, text, to]) => html`<${Link} key=${view} href=${to(shown.model)}
                aria-current=${shown.view === view ? "page" : shown.view === "feature" && view === "overview" ? "true" : null}>${text}</${Link}>`,
            )}</nav>`
        : null}
      <span class="space"></span>
      <${Theme} />
      <button type="button" class="quiet shortcuts" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick=${() => setHelp(true)}>?</button>
    </header>
    <main id="content" tabindex="-1">
      <${Guard} key=${location.pathname}>
        ${View ? h(View, { key: `${shown.view} ${shown.model} ${shown.feature || ""}`, route: shown }) : html`<${Fleet} models=${models} />`}
      </${Guard}>
    </main>
    <footer><span>Times are in your zone.</span>${isLive ? html` <a href=${new URL("docs", root).href}>API</a>` : null}</footer>
    ${help ? html`<${Help} onClose=${() => setHelp(false)} />` : null}`;
}

// A fault in one view is said in place of it, and leaves the rest of the page usable.
class Guard extends Component {
  constructor() {
    super();
    this.state = { error: null };
  }
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }
  render({ children }, { error }) {
    if (!error) return children;
    return html`<${Failed} error=${{ message: `This view could not be drawn: ${error.message}` }} retry=${() => location.reload()} />`;
  }
}

function Models({ model, known }) {
  if (known.length < 2) return html`<span class="model">${model}</span>`;
  const choose = (event) => {
    const link = document.createElement("a");
    link.href = toModel(event.target.value);
    link.dataset.view = "";
    document.body.append(link);
    link.click();
    link.remove();
  };
  return html`<label class="model"><span class="hidden">Model</span><select onChange=${choose}>
    ${known.map((one) => html`<option key=${one} value=${one} selected=${one === model}>${one}</option>`)}</select></label>`;
}

const THEMES = { auto: "light", light: "dark", dark: "auto" };

function Theme() {
  const [theme, setTheme] = useState(() => remembered() || "auto");
  useEffect(() => {
    if (theme === "auto") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.dataset.theme = theme;
    dispatchEvent(new Event("theme"));
    try {
      localStorage.setItem("driftmeter-theme", theme);
    } catch {
      // a browser may refuse to remember
    }
  }, [theme]);
  return html`<button type="button" class="quiet theme" onClick=${() => setTheme(THEMES[theme])}
    aria-label=${`Colours: ${theme}. Change`} title=${`Colours: ${theme}`}>
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="5.5" />${theme === "light" ? null : html`<path class="filled" d=${theme === "dark" ? "M8 2.5a5.5 5.5 0 000 11 5.5 5.5 0 000-11" : "M8 2.5a5.5 5.5 0 000 11z"} />`}</svg></button>`;
}

function remembered() {
  try {
    const theme = localStorage.getItem("driftmeter-theme");
    return theme in THEMES ? theme : null;
  } catch {
    return null;
  }
}

const place = document.getElementById("page");
place.textContent = "";
render(html`<${Page} />`, place);

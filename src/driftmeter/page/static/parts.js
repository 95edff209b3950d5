// What several views share: loading, time that passes, states, links, dialogs.

import { Component, h, html, useEffect, useRef, useState } from "./vendor/preact.js";
import { isLive, listen, load, serverNow } from "./data.js";
import { ago, effectText, effectWord, evidenceMeans, evidenceWord, exact, moment, signed, stateOf, STATE_MEANS, zone } from "./words.js";

// --- components that draw again only when a property is another one

export function memo(draw) {
  return class extends Component {
    shouldComponentUpdate(next) {
      for (const key in next) if (next[key] !== this.props[key]) return true;
      return false;
    }
    render(props) {
      return h(draw, props);
    }
  };
}

// --- data

// The document at `path`, loaded again when `version` is another one. What was loaded stays until the next is there; a
// path of another view starts anew, with `keep` its data stays for so long too. {data, error, loading}
export function useLoad(path, version = 0, keep = false) {
  const [state, setState] = useState({ path: null, data: null, error: null });
  const work = useRef({ path: null, busy: false, again: false, gone: false }).current;
  const run = () => {
    const asked = work.path;
    if (work.busy) return void (work.again = true);
    work.busy = true;
    work.again = false;
    const done = (next) => {
      work.busy = false;
      if (work.gone) return;
      if (asked === work.path) setState(next);
      if (work.again || asked !== work.path) run();
    };
    load(asked).then(
      (data) => done({ path: asked, data, error: null }),
      (error) => done((former) => ({ path: asked, data: former.path === asked || keep ? former.data : null, error })),
    );
  };
  useEffect(() => {
    work.path = path;
    if (path) run();
  }, [path, version]);
  useEffect(() => () => void (work.gone = true), []);
  if (state.path === path) return { ...state, loading: false };
  return { data: keep ? state.data : null, error: null, loading: true };
}

const SOONEST = 1000;
const ANYWAY = 60_000;

// A number that grows when there is something new of a model (of any, without one), and the state of the connection:
// "live", "lost" or "saved". It grows after a minute in any case, so that a connection that died unnoticed shows.
export function useLive(model) {
  const [version, setVersion] = useState(0);
  const [connection, setConnection] = useState(isLive ? "live" : "saved");
  useEffect(() => {
    if (!isLive) return undefined;
    let last = 0;
    let timer = 0;
    const grow = () => {
      clearTimeout(timer);
      timer = 0;
      if (document.hidden) return;
      last = Date.now();
      setVersion((value) => value + 1);
    };
    const soon = () => {
      if (!timer) timer = setTimeout(grow, Math.max(0, last + SOONEST - Date.now()));
    };
    const onState = (next) => {
      setConnection((former) => {
        if (former === "lost" && next === "live") soon();
        return next;
      });
    };
    const end = listen(model, soon, onState);
    const anyway = setInterval(() => Date.now() - last > ANYWAY && soon(), 5000);
    const back = () => document.hidden || soon();
    document.addEventListener("visibilitychange", back);
    return () => {
      end();
      clearTimeout(timer);
      clearInterval(anyway);
      document.removeEventListener("visibilitychange", back);
    };
  }, [model]);
  return { version, connection, refresh: () => setVersion((value) => value + 1) };
}

// --- time

const watchers = new Set();
setInterval(() => document.hidden || watchers.forEach((watcher) => watcher()), 10_000);

export function useNow() {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const watcher = () => setNow(serverNow());
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, []);
  return now;
}

export const Ago = memo(({ time }) => html`<span class="ago">${ago(time, useNow())}</span>`);

// A time in the reader's zone: 14:02 CET, with all of it in the tooltip, and how long ago.
export const Time = memo(({ time, relative = true, zoned = true }) => {
  if (!time) return "–";
  return html`<time datetime=${time} title=${exact(time)}>
    ${moment(time, serverNow())}${zoned ? ` ${zone(Date.parse(time))}` : ""}</time>${relative ? html` <${Ago} time=${time} />` : null}`;
});

// --- icons: shape says the same as colour

const ICONS = {
  ok: "M3.5 8.5l3 3 6-7",
  pending: "M5 2.5h6M5 13.5h6M5.5 2.5c0 4 5 4.5 5 11M10.5 2.5c0 4-5 4.5-5 11",
  slight: "M8 3v7M8 12.6v.4",
  minor: "M8 2.2L14.5 13.5h-13zM8 6.5v3.2M8 11.4v.4",
  major: "M5.3 1.8h5.4l3.5 3.5v5.4l-3.5 3.5H5.3l-3.5-3.5V5.3zM8 4.8v4M8 10.8v.5",
  unsure: "M5.8 6c.2-3.2 4.8-2.8 4.4 0-.2 1.4-2.2 1.6-2.2 3.4M8 12v.4",
  link: "M6.5 9.5l3-3M7 4.5l1.5-1.5a3.2 3.2 0 014.5 4.5L11.5 9M9 11.5L7.5 13a3.2 3.2 0 01-4.5-4.5L4.5 7",
  back: "M9.5 3.5L5 8l4.5 4.5",
  open: "M6.5 3.5L11 8l-4.5 4.5",
  follow: "M4 2.5v5a3 3 0 003 3h5M9.5 8l2.5 2.5L9.5 13",
};

export const Icon = memo(
  ({ name }) =>
    html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${ICONS[name]} /></svg>`,
);

export const State = memo(({ state, severity, big = false }) => {
  const { word, look } = stateOf(state, severity);
  return html`<span class=${`state ${look}${big ? " big" : ""}`} title=${STATE_MEANS[state] || ""}>
    <${Icon} name=${look} /><span>${word}</span></span>`;
});

// --- numbers in words; `value` holds the number as the API has it

export const Evidence = memo(({ evidence }) =>
  evidence === null || evidence === undefined
    ? html`<span class="soft">${evidenceWord(evidence)}</span>`
    : html`<span title=${evidenceMeans(evidence)}><span class="word">${evidenceWord(evidence)}</span>${" "}
        <data class=${evidence < -1 ? "evidence hidden" : "evidence"} value=${evidence}>${signed(evidence)}</data></span>`,
);

export const Effect = memo(({ effect }) =>
  effect === null || effect === undefined
    ? html`<span class="soft">–</span>`
    : html`<span><span class="word">${effectWord(effect)}</span> <data class="effect" value=${effect}>${effectText(effect)}</data></span>`,
);

// --- why: the kind of change stands out; most sentences begin with it, with a capital letter

export function Why({ change, why }) {
  if (!change) return why;
  const { text } = change;
  if (!why.slice(1).startsWith(text.slice(1))) return html`<strong>${text}</strong>. ${why}`;
  return html`<strong>${why.slice(0, text.length)}</strong>${why.slice(text.length)}`;
}

// --- links

export function Link({ href, children, ...rest }) {
  return html`<a data-view href=${href} ...${rest}>${children}</a>`;
}

export function CopyLink({ href, label = "Copy link" }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(href || location.href);
    } catch {
      // without https there is no clipboard: an input that is selected is
      const input = document.createElement("textarea");
      input.value = href || location.href;
      document.body.append(input);
      input.select();
      document.execCommand("copy");
      input.remove();
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return html`<button type="button" class="quiet" onClick=${copy}>
    <${Icon} name="link" /><span aria-live="polite">${copied ? "Copied" : label}</span></button>`;
}

// --- a dialog, which the browser makes modal, and closes with Escape

export function Dialog({ title, onClose, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current.showModal();
  }, []);
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${onClose}>
    <h2 id="dialog-title">${title}</h2>${children}</dialog>`;
}

export function Failed({ error, retry }) {
  if (!error) return null;
  return html`<div class="failed" role="alert"><p>${error.message}</p>
    ${retry ? html`<button type="button" onClick=${retry}>Try again</button>` : null}</div>`;
}

export const Loading = () => html`<p class="loading">Loading …</p>`;

// A choice of a few, as buttons that are pressed or not.
export function Choice({ label, options, value, onChange }) {
  return html`<div class="choice" role="group" aria-label=${label}>
    ${options.map(
      ([key, text]) =>
        html`<button type="button" key=${key} aria-pressed=${key === value ? "true" : "false"} onClick=${() => onChange(key)}>
          ${text}</button>`,
    )}</div>`;
}

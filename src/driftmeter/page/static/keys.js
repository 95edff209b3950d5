// The keyboard: / searches, j and k go through the features, Enter opens, Esc goes back, ? lists the keys.

import { html } from "./vendor/preact.js";
import { Dialog } from "./parts.js";
import { go, toModel } from "./route.js";

export function onKeys({ route, help }) {
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const field = event.target.closest("input, textarea, select");
    if (event.key === "Escape") {
      if (field) return void field.blur();
      if (route.view === "feature" || (route.view === "incidents" && route.incident)) go(toModel(route.model));
      return;
    }
    if (field) return;
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "j" || event.key === "k") {
      step(event.key === "j" ? 1 : -1);
    } else if (event.key === "?") {
      help();
    }
  };
  addEventListener("keydown", press);
  return () => removeEventListener("keydown", press);
}

// Rows are links: the focus goes from one to the next, and Enter opens it as any link.
function step(by) {
  const links = [...document.querySelectorAll("a[data-row]")];
  if (!links.length) return;
  const index = links.indexOf(document.activeElement);
  const next = index < 0 ? links[by > 0 ? 0 : links.length - 1] : links[index + by];
  if (!next) return;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

const KEYS = [
  ["/", "search features"],
  ["j k", "next and previous feature"],
  ["Enter", "open it"],
  ["Esc", "leave the search, or go back to the overview"],
  ["?", "this list"],
];

export const Help = ({ onClose }) => html`<${Dialog} title="Keyboard" onClose=${onClose}>
  <dl class="keylist">${KEYS.map(([keys, what]) => html`<div key=${keys}><dt>${keys.split(" ").map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${what}</dd></div>`)}</dl>
  <p class="buttons"><button type="button" onClick=${onClose}>Close</button></p></${Dialog}>`;

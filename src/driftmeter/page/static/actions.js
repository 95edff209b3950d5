// What a reader may do: acknowledge an incident, expect a drift, or say that it is normal now.

import { html, useState } from "./vendor/preact.js";
import { isLive, load, name, ofModel, send } from "./data.js";
import { Dialog, Icon, Time } from "./parts.js";

// --- acknowledge

export function Acknowledge({ model, incident, refresh }) {
  const [open, setOpen] = useState(false);
  const { acknowledged } = incident;
  if (acknowledged) {
    return html`<p class="seen"><${Icon} name="ok" /> Seen <${Time} time=${acknowledged.at} />${acknowledged.note ? html` · “${acknowledged.note}”` : ""}</p>`;
  }
  if (!isLive || incident.state !== "open") return null;
  return html`<button type="button" onClick=${() => setOpen(true)}>Acknowledge</button>
    ${open
      ? html`<${Sending} title="Acknowledge this incident" verb="Acknowledge" onClose=${() => setOpen(false)} refresh=${refresh}
          act=${(form) => send("POST", ofModel(model, `/incidents/${name(incident.id)}/acknowledge`), { note: form.note.value })}>
          <p>Others see that somebody looks after it. It stays open until it is over.</p>
          <label>Note <input name="note" maxlength="300" autocomplete="off" /></label></${Sending}>`
      : null}`;
}

// --- expect a drift, for a while or for good

const LENGTHS = [["1h", "1 hour"], ["6h", "6 hours"], ["1d", "1 day"], ["7d", "7 days"], ["30d", "30 days"]];

export function Expect({ model, feature, refresh }) {
  const [open, setOpen] = useState(false);
  if (!isLive) return null;
  return html`<button type="button" onClick=${() => setOpen(true)}>Expect this</button>
    ${open
      ? html`<${Sending} title=${`Expect drift of ${feature || "the whole model"}`} verb="Expect" onClose=${() => setOpen(false)} refresh=${refresh}
          act=${(form) => send("POST", ofModel(model, "/expected"), { feature, for: form.span.value, note: form.note.value })}>
          <p>It is judged and shown as ever, but does not page meanwhile.</p>
          <label>For <select name="span">${LENGTHS.map(([value, text]) => html`<option key=${value} value=${value} selected=${value === "1d"}>${text}</option>`)}</select></label>
          <label>Why <input name="note" maxlength="300" autocomplete="off" placeholder="new currency, campaign …" /></label></${Sending}>`
      : null}`;
}

export function Normal({ model, feature, since, refresh }) {
  const [open, setOpen] = useState(false);
  if (!isLive) return null;
  const silence = async () => {
    const settings = await load(ofModel(model, "/settings"));
    const features = { ...settings.features };
    features[feature] = { ...features[feature], pages: false };
    return send("PUT", ofModel(model, "/settings"), { ...settings, features });
  };
  return html`<button type="button" onClick=${() => setOpen(true)}>This is normal now</button>
    ${open
      ? html`<${Sending} title=${`${feature} is normal now`} verb="Do not page for it" onClose=${() => setOpen(false)} refresh=${refresh} act=${silence}>
          <p>From now on ${feature} is judged and shown, but pages nobody. That is a setting of the model, and can be undone there.</p>
          <p>To judge by today’s data instead, make recent traffic the reference, and put it as the new profile:</p>
          <pre><code>driftmeter profile --from-live ${model} --since ${since || "28d"} -o next.json</code></pre></${Sending}>`
      : null}`;
}

// --- marks that hold now

export function Marks({ model, expected, at, refresh }) {
  const [error, setError] = useState(null);
  const now = at ? Date.parse(at) : Date.now();
  const holding = expected.filter((mark) => Date.parse(mark.until) > now);
  if (!holding.length) return null;
  const remove = (mark) =>
    send("DELETE", ofModel(model, `/expected${mark.feature === null ? "" : `?feature=${name(mark.feature)}`}`)).then(refresh, (failed) => setError(failed.message));
  return html`<section class="marks" aria-label="Expected drift">${holding.map((mark) => html`<p key=${mark.feature}>
      <strong>${mark.feature === null ? "The whole model" : mark.feature}</strong> is expected to drift until <${Time} time=${mark.until} relative=${false} />${mark.note ? html` · “${mark.note}”` : ""}
      ${isLive ? html` <button type="button" class="quiet" onClick=${() => remove(mark)}>Expect no longer</button>` : null}</p>`)}
    ${error ? html`<p role="alert" class="warn">${error}</p>` : null}</section>`;
}

// --- a dialog that sends, and says what the server answers where it refuses

function Sending({ title, verb, act, refresh, onClose, children }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await act(event.target.elements);
      onClose();
      refresh();
    } catch (failed) {
      setError(failed.status === 403 || failed.status === 405 ? `You may not do that here: ${failed.message}` : failed.message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose}><form onSubmit=${submit}>${children}
    ${error ? html`<p role="alert" class="warn">${error}</p>` : null}
    <p class="buttons"><button type="button" class="quiet" onClick=${onClose}>Cancel</button><button class="primary" disabled=${busy}>${verb}</button></p></form></${Dialog}>`;
}

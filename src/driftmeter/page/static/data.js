// All access to data. Documents come from the server, or, in a report that was saved, from the page itself.

const embedded = document.getElementById("documents");
const documents = embedded ? await unpacked(embedded.textContent) : null;

export const isLive = documents === null;

// The address of the server, behind whatever prefix a gateway adds: this file is at ui/static/HASH/data.js.
export const root = isLive ? new URL("../../../", import.meta.url) : new URL("./", document.baseURI);

let ahead = 0; // of this machine's clock, in ms: what the server's clock shows more
export const serverNow = () => Date.now() + ahead;

export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// JSON, deflated, as base64.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

const at = (path) => new URL(path, root);
export const name = encodeURIComponent;
export const ofModel = (model, rest = "") => `v1/models/${name(model)}${rest}`;

const early = new Map();

// Asks for a document that the next `load` of its path takes.
export function prefetch(path) {
  const answer = load(path);
  answer.catch(() => {}); // whoever takes it is told
  early.set(path, answer);
}

// Returns the document at a path below the root, such as "v1/models"; raises Problem.
export async function load(path) {
  if (!isLive) {
    if (path in documents) return documents[path];
    throw new Problem(404, "This report does not hold that.");
  }
  const asked = early.get(path);
  if (asked) {
    early.delete(path);
    return asked;
  }
  return read(await ask(path, { headers: { Accept: "application/json" } }));
}

// Sends JSON and returns the answer's; raises Problem with what the server says.
export async function send(method, path, body) {
  const options = { method, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  return read(await ask(path, options));
}

async function ask(path, options) {
  try {
    return await fetch(at(path), { cache: "no-cache", credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The server cannot be reached.");
  }
}

async function read(response) {
  const date = Date.parse(response.headers.get("Date"));
  // the header has whole seconds: less than that is no difference
  if (date) ahead = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
  if (response.status === 204) return null;
  const text = await response.text();
  let content = null;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Problem(response.status, `The server answered ${response.status}, and no JSON.`);
  }
  if (!response.ok) throw new Problem(response.status, content.detail || content.title || `The server answered ${response.status}.`);
  return content;
}

// Calls `onVerdict({model, at, state, rows})` for each new verdict, `onState("live" | "lost")` as the connection comes and
// goes. Returns a function that ends it. The stream rests while nobody looks: browsers allow few connections per server.
export function listen(model, onVerdict, onState) {
  if (!isLive) return () => {};
  const path = `v1/events?detail=none${model ? `&model=${name(model)}` : ""}`;
  let source = null;
  let retry = 0;
  let timer = 0;
  const open = () => {
    clearTimeout(timer);
    if (source || document.hidden) return;
    source = new EventSource(at(path));
    source.onopen = () => {
      retry = 0;
      onState("live");
    };
    source.addEventListener("verdict", (event) => {
      let head;
      try {
        head = JSON.parse(event.data);
      } catch {
        return;
      }
      if (!model || head.model === model) onVerdict(head);
    });
    source.onerror = () => {
      // a browser's own attempts end at the first answer that is no stream, such as a gateway's 502
      source.close();
      source = null;
      onState("lost");
      timer = setTimeout(open, Math.min(1000 * 2 ** retry++, 15_000));
    };
  };
  const rest = () => {
    if (!document.hidden) return open();
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  };
  document.addEventListener("visibilitychange", rest);
  open();
  return () => {
    document.removeEventListener("visibilitychange", rest);
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  };
}

// How the page says numbers, times, states, evidence and effects. Pure functions; nothing here touches the document.

const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

// A number with three significant digits, whole from 1,000 on: 0.912, 41.7, 12,345.
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e7 || (size > 0 && size < 1e-4)) return value.toExponential(1).replace("e+", "e").replace("-", "−");
  return (size >= 1000 ? whole : plain).format(value).replace("-", "−");
}

export const count = (value) => (value === null || value === undefined ? "–" : whole.format(value));

export const plural = (amount, one, many = `${one}s`) => `${count(amount)} ${amount === 1 ? one : many}`;

// A share of 0 to 1 in per cent, as the server's sentences write it: 0 %, 0.004 %, 12.3 %.
export function percent(share) {
  if (share === null || share === undefined) return "–";
  if (share === 0) return "0 %";
  if (share > 0.9995 && share < 1) return "> 99.9 %";
  return `${share >= 0.001 ? (share * 100).toFixed(1) : (share * 100).toPrecision(1)} %`;
}

export function signed(value) {
  if (value === null || value === undefined) return "–";
  const text = number(Math.abs(value));
  return value > 0 ? `+${text}` : value < 0 ? `−${text}` : "0";
}

export function pValue(value) {
  if (value === null || value === undefined) return "–";
  return value < 1e-300 ? "< 1e−300" : value < 0.001 ? value.toExponential(1).replace("-", "−") : value.toPrecision(2);
}

// "a", "a and b", "a, b and 3 more"
export function listed(names, most = 3) {
  if (names.length > most) return `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}

// --- states

const STATES = {
  ok: ["all right", "ok"],
  pending: ["pending", "pending"],
  insufficient: ["too few rows", "unsure"],
  calibrating: ["calibrating", "unsure"],
  uncalibrated: ["not calibrated", "unsure"],
};

// The word and the look (a class of the style sheet, and an icon) of a state.
export function stateOf(state, severity) {
  if (state === "drifting") {
    const known = severity === "major" || severity === "minor" || severity === "slight";
    return { word: known ? `${severity} drift` : "drifting", look: known ? severity : "minor" };
  }
  const [word, look] = STATES[state] || ["no data", "unsure"];
  return { word, look };
}

const HEADLINES = {
  ok: "All right",
  pending: "Something may be starting",
  drifting: "Drifting",
  insufficient: "Too few rows to say",
  calibrating: "Learning what is normal",
  uncalibrated: "Nothing says yet what is normal",
};
export const headline = (state) => HEADLINES[state] || "No data yet";

export const STATE_MEANS = {
  ok: "Nothing beyond chance and tolerance.",
  pending: "Would alarm if ten times as many false pages were allowed. It does not drift yet.",
  drifting: "Surely moved by more than the tolerance.",
  insufficient: "Only a very large shift could be seen with so few rows.",
  calibrating: "Live traffic is learnt for 12 days; evidence is shown, nothing pages.",
  uncalibrated: "The profile has no times: scores are shown, nothing pages.",
};

// --- evidence: log10 of how far past the alarm threshold; 0 and above alarms

export function evidenceWord(evidence) {
  if (evidence === null || evidence === undefined) return "not judged";
  if (evidence >= 6) return "certain";
  if (evidence >= 2) return "very strong";
  if (evidence >= 0) return "strong";
  return evidence >= -1 ? "pending" : "none";
}

export function evidenceMeans(evidence) {
  if (evidence === null || evidence === undefined) return "No detector has judged this feature yet.";
  const factor = power(Math.abs(evidence));
  return evidence >= 0 ? `${factor} times past the alarm line` : `${factor} times short of the alarm line`;
}

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
function power(exponent) {
  if (exponent < 3) return number(10 ** exponent);
  return `10${[...String(Math.round(exponent))].map((digit) => RAISED[digit]).join("")}`;
}

// --- effect: a population stability index without what chance adds

export const effectText = (effect) => (effect !== null && effect < 0.001 ? (effect > 0 ? "< 0.001" : "0") : number(effect));

export function effectWord(effect) {
  if (effect === null || effect === undefined) return "";
  if (effect >= 1) return "very large";
  if (effect >= 0.25) return "large";
  if (effect >= 0.1) return "medium";
  return effect >= 0.01 ? "small" : "negligible";
}

// --- times, in the zone of the reader

const clockOfMinutes = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  timeZoneName: "short",
});
const zoned = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });

// The short name of the reader's zone at a moment: CET, GMT+5:30.
export const zone = (at = Date.now()) => zoned.formatToParts(at).find((part) => part.type === "timeZoneName").value;

export const parse = (time) => (time ? Date.parse(time) : null);

// 14:02 · yesterday 14:02 · 28 Nov 14:02 · 28 Nov 2025 14:02; with seconds, where times of one minute are told apart
export function moment(time, now = Date.now(), seconds = false) {
  const at = typeof time === "string" ? Date.parse(time) : time;
  const clock = seconds ? clockWithSeconds : clockOfMinutes;
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (at >= midnight && at < midnight + 86_400_000) return clock.format(at);
  if (at < midnight && at >= midnight - 86_400_000) return `yesterday ${clock.format(at)}`;
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return `${(sameYear ? day : dayOfYear).format(at)}, ${clock.format(at)}`;
}

export const exact = (time) => full.format(typeof time === "string" ? Date.parse(time) : time);

// A length of time in one unit, rounded down: 8 s, 12 min, 3 h, 5 d.
export function length(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${trimmed(seconds / 3600)} h`;
  if (seconds < 63_072_000) return `${trimmed(seconds / 86_400)} days`;
  return `${trimmed(seconds / 31_557_600)} years`;
}
const trimmed = (value) => (value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : String(Math.round(value)));

export const ago = (time, now) => {
  const gone = now - (typeof time === "string" ? Date.parse(time) : time);
  return gone < 5000 ? "just now" : `${length(gone)} ago`;
};

export const rate = (perSecond) => {
  if (perSecond === null || perSecond === undefined) return "–";
  if (perSecond > 0 && perSecond < 0.1) return `${number(perSecond * 3600)} rows/h`;
  return `${number(perSecond)} rows/s`;
};

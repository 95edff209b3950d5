"""The looks of the page: light and dark, on screen and on paper."""

CSS = """
:root { color-scheme: light dark;
  --page: #ffffff; --card: #f6f7f9; --text: #1a1f26; --soft: #56606c; --line: #d8dde3;
  --ref: #a9b4c0; --win: #2457c5; --ok: #16703f; --pending: #5b4bb3; --minor: #8a5a00; --major: #b3241b; }
@media (prefers-color-scheme: dark) { :root {
  --page: #10141a; --card: #181e26; --text: #e7ebf0; --soft: #a0acb8; --line: #313a45;
  --ref: #596775; --win: #82aaff; --ok: #63d297; --pending: #b3a6ff; --minor: #e8b64c; --major: #ff8f85; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 76rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .25rem 0; }
a { color: inherit; text-underline-offset: .2em; }
a:focus-visible { outline: 2px solid var(--win); outline-offset: 2px; }
.soft { color: var(--soft); }
.state { display: inline-block; padding: .05rem .55rem; border: 1px solid currentColor; border-radius: 1rem;
  font-size: .85rem; font-weight: 600; white-space: nowrap; color: var(--soft); }
.state.ok { color: var(--ok); } .state.pending { color: var(--pending); }
.state.drifting { color: var(--minor); } .state.major { color: var(--major); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
dl div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
dt { color: var(--soft); font-size: .8rem; }
dd { margin: 0; font-size: 1.1rem; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
dd small { font-size: .8rem; font-weight: 400; }
.notes { border-left: 3px solid var(--minor); padding: .1rem 0 .1rem .9rem; margin: 1rem 0; list-style: none; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .5rem; }
th, td { padding: .4rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: baseline; }
thead th { font-size: .8rem; color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 8rem; }
summary { cursor: pointer; width: fit-content; text-decoration: underline dotted; text-underline-offset: .2em; }
summary:focus-visible { outline: 2px solid var(--win); outline-offset: 2px; }
details > :not(summary) { font-weight: 400; width: min(35rem, 80vw); }
.number { text-align: right; white-space: nowrap; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); gap: 1rem; }
.cards section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem; }
.head { display: flex; justify-content: space-between; gap: .75rem; align-items: baseline; }
.legend { display: flex; gap: 1.25rem; flex-wrap: wrap; }
.key::before { content: ""; display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem;
  vertical-align: -.08rem; background: var(--ref); print-color-adjust: exact; }
.key.window::before { background: var(--win); width: .4rem; }
svg { display: block; width: 100%; height: auto; margin-top: .6rem; print-color-adjust: exact; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .special text { font-style: italic; }
svg .axis { stroke: var(--line); fill: none; }
svg .ref { fill: var(--ref); } svg .win { fill: var(--win); }
svg .hit { fill: transparent; } svg g:hover .hit { fill: var(--line); fill-opacity: .5; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; --text: #000; --soft: #444; --line: #bbb;
    --ref: #bbb; --win: #1d3f8f; --ok: #0b5a2e; --pending: #433693; --minor: #6f4800; --major: #8f1a13; }
  body { max-width: none; padding: 0; font-size: 11px; }
  .cards { grid-template-columns: 1fr 1fr; }
  section, tr { break-inside: avoid; } h2 { break-after: avoid; } thead { display: table-header-group; }
  a { text-decoration: none; }
}
"""

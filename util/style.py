"""The style sheet of all pages, for light and dark mode, desktop and phone; it loads no fonts or other files."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f5f6f8; --card: #ffffff; --ink: #1a1d21; --soft: #646d78; --line: #e3e6eb; --accent: #3558d4;
  --shadow: 0 1px 2px rgb(16 24 40 / 6%), 0 2px 8px rgb(16 24 40 / 4%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1215; --card: #181c21; --ink: #e9ecf0; --soft: #98a2ae; --line: #2a3038; --accent: #8ea8ff;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
header, main { width: min(100%, var(--page)); margin: 0 auto; padding: 0 clamp(12px, 3vw, 24px); }
header { padding-top: clamp(18px, 4vw, 40px); }
main { padding-bottom: 48px; }
h1, h2, h3 { line-height: 1.25; overflow-wrap: anywhere; unicode-bidi: isolate; }
h1 { margin: 0 0 12px; font-size: clamp(22px, 4vw, 32px); font-weight: 680; letter-spacing: -0.015em; }
h2 { margin: 0 0 12px; font-size: 16px; font-weight: 620; font-variant-numeric: tabular-nums; }
h2 small { margin-left: 10px; color: var(--soft); font-size: 13px; font-weight: 500; }
h3 { margin: 20px 0 8px; font-size: 13px; font-weight: 560; color: var(--soft); }
h2 + h3 { margin-top: 0; }
h3 b { color: var(--accent); font-weight: 620; }
.facts { display: flex; flex-wrap: wrap; gap: 6px; margin: 0 0 12px; padding: 0; list-style: none; }
.facts li {
  padding: 3px 11px; border: 1px solid var(--line); border-radius: 999px; background: var(--card);
  font-size: 13px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
.facts span { color: var(--soft); margin-right: 6px; }
.note { color: var(--soft); margin: 24px 0; }
section {
  margin: 14px 0; padding: clamp(12px, 2vw, 20px); border: 1px solid var(--line); border-radius: 14px;
  background: var(--card); box-shadow: var(--shadow);
  content-visibility: auto; contain-intrinsic-height: auto 380px;
}
.row {
  display: grid; grid-template-columns: repeat(var(--columns), minmax(0, var(--width)));
  gap: clamp(6px, 1.2vw, 14px);
}
figure { margin: 0; min-width: 0; }
figure a { display: block; border-radius: 8px; overflow: hidden; background: var(--line); }
figure a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
figure img { display: block; width: 100%; height: auto; transition: opacity .15s; }
figure a:hover img { opacity: .88; }
figcaption {
  margin-top: 5px; color: var(--soft); font-size: 12.5px; text-align: center; overflow-wrap: anywhere;
  unicode-bidi: isolate;
}
.charts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 186px), 1fr)); gap: 12px;
  margin: 14px 0;
}
.chart {
  padding: 12px 14px 10px; border: 1px solid var(--line); border-radius: 14px; background: var(--card);
  box-shadow: var(--shadow); min-width: 0;
}
.chart div { display: flex; justify-content: space-between; gap: 8px; font-variant-numeric: tabular-nums; }
.chart .name { font-size: 13px; font-weight: 600; margin-bottom: 6px; overflow-wrap: anywhere; }
.chart .name span { color: var(--accent); }
.chart .ends { color: var(--soft); font-size: 11.5px; }
.chart svg { display: block; width: 100%; height: 84px; overflow: visible; }
.chart path, .chart line { fill: none; stroke: var(--line); vector-effect: non-scaling-stroke; }
.chart path { stroke: var(--accent); stroke-width: 1.6; stroke-linejoin: round; }
@media (max-width: 560px) {
  .charts { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px; }
  .chart { padding: 10px; }
  .chart svg { height: 60px; }
  section { border-radius: 10px; }
  figcaption { font-size: 11.5px; }
}
@media print { section { break-inside: avoid; content-visibility: visible; box-shadow: none; } }
"""

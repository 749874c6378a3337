"""Pieces of an HTML page that stands alone: no script, no network, everything that comes from data escaped."""

import base64
import html

STYLE = """
:root { color-scheme: light; --ink: #1f2430; --soft: #667085; --line: #e4e7ec; --pictures: #b5367a; --clips: #22709c }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1080px; padding: 2rem 1.5rem 4rem; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif }
h1 { font-size: 1.7rem; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin: 2.6rem 0 .7rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line) }
p { margin: .4rem 0; max-width: 75ch } .soft, figcaption, caption { color: var(--soft) }
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.4rem 0 }
.tile { flex: 1 1 10rem; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 10px; background: #fafbfc }
.tile b { display: block; font-size: 1.5rem; line-height: 1.3; font-variant-numeric: tabular-nums }
.tile span { display: block; color: var(--soft); font-size: .85rem }
figure { margin: 1rem 0 } figure img { display: block; width: 100%; height: auto }
figcaption { font-size: .87rem; margin-top: .3rem }
.key { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px; margin: 0 .35rem 0 .8rem;
  vertical-align: -1px } .key:first-child { margin-left: 0 }
.pictures { background: var(--pictures) } .clips { background: var(--clips) }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line) }
th { color: var(--soft); font-weight: 500 } td.n, th.n { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums } tr.all td { font-weight: 600; border-top: 2px solid var(--line) }
td { overflow-wrap: break-word } td svg { display: block } .name { min-width: 7rem; overflow-wrap: anywhere }
h3 { font-size: .95rem; margin: 1.4rem 0 .3rem }
td.small { font-size: .82rem; color: var(--soft); min-width: 14rem }
.missing { padding: .5rem .8rem; border-left: 3px solid #d0a215; background: #fdf8e7; max-width: none }
.samples figure { margin: 1.2rem 0 } .trio { display: flex; gap: .5rem }
.trio div { flex: 0 0 calc((100% - 1rem) / 3); min-width: 0 }
.trio img { border-radius: 6px } .trio small { color: var(--soft) }
pre { overflow-x: auto; padding: .9rem 1.1rem; border: 1px solid var(--line); border-radius: 8px; background: #fafbfc;
  font-size: .82rem; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere }
"""
# Nothing is fetched and nothing runs, even if a name from the data found a way past the escaping.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def escaped(text):
    """Any value as text that HTML shows as it is."""
    return html.escape(str(text), quote=True)


def name(text):
    """A name from the data, escaped; its writing direction stays its own."""
    return f"<bdi>{escaped(text)}</bdi>"


def missing(text):
    """A sentence that says what is not there."""
    return f'<p class="missing">{escaped(text)}</p>'


def section(title, *parts):
    """A heading and what stands below it, HTML."""
    return f"<section><h2>{escaped(title)}</h2>{''.join(parts)}</section>"


def tile(value, *lines):
    """One figure to see at a glance, and what it is."""
    return (
        f'<div class="tile"><b>{escaped(value)}</b>{"".join(f"<span>{escaped(line)}</span>" for line in lines)}</div>'
    )


def image(data, kind, alt):
    """An image element that carries its bytes; kind: "svg+xml", "png" or "jpeg"."""
    return f'<img src="data:image/{kind};base64,{base64.b64encode(data).decode()}" alt="{escaped(alt)}">'


def figure(svg, alt, caption=""):
    """A drawing, SVG as bytes, with a caption, HTML. As an image it can run no script and its names clash with none."""
    return f"<figure>{image(svg, 'svg+xml', alt)}<figcaption>{caption}</figcaption></figure>"


def table(head, rows, *, last_is_sum=False):
    """head: [(title, class of its column)], or None for a table without one; rows: lists of HTML."""
    lines = []
    if head is not None:
        cells = [f'<th class="{kind}">{escaped(title)}</th>' for title, kind in head]
        lines = [f"<tr>{''.join(cells)}</tr>"]
    for number, row in enumerate(rows):
        whole = ' class="all"' if last_is_sum and number == len(rows) - 1 else ""
        kinds = [""] * len(row) if head is None else [kind for _, kind in head]
        cells = [f'<td class="{kind}">{cell}</td>' for cell, kind in zip(row, kinds, strict=True)]
        lines.append(f"<tr{whole}>{''.join(cells)}</tr>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def sparkline(values, marked=None, width=150, height=30):
    """A small curve of numbers or None, as SVG in the page; the one numbered `marked` gets a dot."""
    known = [(i, value) for i, value in enumerate(values) if value is not None]
    if not known:
        return ""
    low, high = min(value for _, value in known), max(value for _, value in known)
    step, span = (width - 8) / max(len(values) - 1, 1), (high - low) or 1.0
    place = {i: (4 + i * step, height - 4 - (height - 8) * (value - low) / span) for i, value in known}
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in place.values())
    line = f'<polyline points="{points}" fill="none" stroke="#8a94a6" stroke-width="1.5"/>'
    dot = ""
    if marked in place:
        x, y = place[marked]
        dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#b5367a"/>'
    return f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}">{line}{dot}</svg>'


def document(title, body):
    """The whole page as bytes."""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{POLICY}"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
    return text.encode("utf-8", "replace")  # a file's name may hold what is no character

"""The report as one page of HTML, with bars: nothing is fetched, and it is readable on a telephone."""

from html import escape

from clients import title
from figures import FLOORS, slower
from terminal import MEASURE_TITLES, facts, number, slower_lines, times

WIDTH, LABEL, BAR, GAP = 360, 112, 14, 5
ROOM = WIDTH - LABEL - 56

STYLE = """
:root { color-scheme: light dark; --ours: #c2410c; --theirs: #64748b; --floor: #0891b2; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 46rem; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .85rem; }
td, th { text-align: right; padding: .2rem .35rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child, th:first-child { text-align: left; }
.wide { overflow-x: auto; } svg { width: 100%; max-width: 32rem; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: currentColor; } small { opacity: .75; }
.ours { fill: var(--ours); } .theirs { fill: var(--theirs); } .bare { fill: var(--floor); }
.worse { color: #dc2626; } details { margin: .2rem 0 1rem; } summary { cursor: pointer; }
"""


def bar_width(figure, most, room):
    return figure * room / most if most > 0 else 0


def bars(clients, measure):
    """One bar a client; the spread of its runs is a thin line on it."""
    most = max(measures[measure].high for measures in clients.values())
    parts, y = [], 0
    for name, measures in clients.items():
        figure = measures[measure]
        kind = "ours" if name == "rredis" else "bare" if name in FLOORS else "theirs"
        width = bar_width(figure.median, most, ROOM)
        low, high = (LABEL + bar_width(end, most, ROOM) for end in (figure.low, figure.high))
        middle = y + BAR / 2
        parts.append(f'<text x="0" y="{y + 11}">{escape(title(name))}</text>')
        parts.append(f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>')
        parts.append(f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="currentColor"/>')
        parts.append(f'<text x="{max(LABEL + width, high) + 4:.1f}" y="{y + 11}">{number(figure.median)}</text>')
        y += BAR + GAP
    label = escape(", ".join(f"{title(name)} {number(measures[measure].median)}" for name, measures in clients.items()))
    return f'<svg viewBox="0 0 {WIDTH} {y}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def table(heads, rows):
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def ratio_cell(spread):
    kind = ' class="worse"' if spread.median < 1 else ""
    return f"<span{kind}>{spread.median:.2f}</span> <small>{spread.low:.2f}–{spread.high:.2f}</small>"


def cell_part(cell):
    clients = cell["clients"]
    parts = [f"<h3>{escape(cell['name'])}</h3><small>operations a second</small>", bars(clients, "ops")]
    parts.append("<small>µs of processor time for one</small>" + bars(clients, "cpu"))
    figures = [[escape(title(name)), *(number(measures[measure].median) for measure in MEASURE_TITLES)] for name, measures in clients.items()]
    ratios = [[escape(title(name)), *(ratio_cell(found[measure]) for measure in MEASURE_TITLES)] for name, found in cell["ratios"].items()]
    heads = [*MEASURE_TITLES.values()]
    inner = table(["", *heads], figures) + table(["times better than", *heads], ratios)
    parts.append(f"<details><summary>latencies (µs), and how many times better</summary>{inner}</details>")
    for name, count in cell.get("failed", {}).items():
        parts.append(f"<small>{escape(title(name))}: {count:.0f} commands failed. </small>")
    for name, why in cell.get("failures", {}).items():
        parts.append(f"<small>{escape(title(name))}: {escape(why)}. </small>")
    return "".join(parts)


def cells_part(report):
    parts, axis = [], None
    for cell in report["cells"]:
        if cell["axis"] != axis:
            axis = cell["axis"]
            parts.append(f"<h2>By {escape(axis)}</h2>")
        parts.append(cell_part(cell))
    return "".join(parts)


def page(report):
    worse = [[escape(name), escape(peer), escape(measure), escape(ratio)] for name, peer, measure, ratio in slower_lines(report)]
    wide = len(slower(report["cells"]))
    costs = [[escape(row["name"]), escape(row["what"]), number(row["rredis"]), number(row["hiredis"])] for row in report["costs"]]
    timed = [[escape(row["name"]), ratio_cell(row["ratios"]["hiredis"]["cpu"])] for row in report.get("timed", [])]
    about = [[escape(str(name)), escape(str(what))] for name, what in facts(report)]
    return "".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>librredis: how fast</title><style>{STYLE}</style>",
            "<h1>How fast librredis is, and what it costs</h1>",
            "<p>A ratio is how many times better librredis is: above 1 it is better, below 1 the peer is. Figures are medians of runs in "
            "strict alternation, with their spread. The bare bars are the floor: loops of send and recv that parse nothing. Where there is "
            "one thread, it and the server share one core.</p>",
            f"<h2>Where a peer is faster</h2><p>{len(worse)} rows, {wide} of them in the cells below.</p>",
            table(["", "peer", "what", "times better"], worse),
            "<h2>What was measured</h2>",
            table(["", ""], about),
            cells_part(report),
            "<h2>What it costs</h2>",
            table(["", "", "librredis", "hiredis"], costs),
            "<h2>Messages, loops, and others</h2><p>Processor time: times better than hiredis.</p>",
            table(["", "hiredis"], timed),
            "<h2>Under stress</h2>",
            "".join(cell_part(cell) for cell in report["stress"]),
            "</html>",
        ]
    )

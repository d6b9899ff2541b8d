"""The report as lines of text."""

from clients import title
from figures import slower

MEASURE_TITLES = {"ops": "throughput", "cpu": "processor time", "p50": "p50", "p99": "p99", "p999": "p99.9"}


def number(figure):
    """Three digits that say something, and thousands apart."""
    if figure is None:
        return "-"
    if figure == 0:
        return "0"
    if abs(figure) >= 1000:
        return f"{figure:,.0f}".replace(",", " ")
    digits = 0 if abs(figure) >= 100 else 1 if abs(figure) >= 10 else 2 if abs(figure) >= 0.1 else 3
    return f"{figure:.{digits}f}"


def times(spread):
    return f"{spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f})"


def facts(report):
    """What was measured, on what, and against what: pairs."""
    found = [("made", report["made"]), ("command", report.get("command", ""))]
    found += list(report["machine"].items()) + list(report["versions"].items())
    return found + [(f"{name}: absent", why) for name, why in report["absent"].items()]


def slower_lines(report):
    for spread, cell, peer, measure in slower(report["cells"] + report["stress"] + report.get("timed", [])):
        yield cell["name"], title(peer), MEASURE_TITLES[measure], times(spread) + (" or as fast" if spread.high >= 1 else "")


def lines(report):
    yield "How many times better librredis is: above 1 it is, below 1 the peer is. In brackets the spread of the runs."
    for name, what in facts(report):
        yield f"  {name}: {what}"
    yield "\nWhere a peer is faster"
    for name, peer, measure, ratio in slower_lines(report):
        yield f"  {name:44} {peer:16} {measure:16} {ratio}"
    for heading, cells in (("What a reader would run", report["cells"]), ("Under stress", report["stress"])):
        yield f"\n{heading}: for each client operations a second, µs of processor time, p50, p99, p99.9; and times better"
        for cell in cells:
            yield from cell_lines(cell)
    yield "\nProcessor time of messages, of loops of one's own, and of others: times better than hiredis"
    for row in report.get("timed", []):
        yield f"  {row['name']:44} {times(row['ratios']['hiredis']['cpu'])}"
    yield "\nWhat it costs: librredis, hiredis"
    for row in report["costs"]:
        yield f"  {row['name']:52} {row['what']:16} {number(row['rredis']):>12} {number(row['hiredis']):>12}"


def cell_lines(cell):
    yield f"  {cell['name']}"
    for name, measures in cell["clients"].items():
        figures = "".join(f"{number(measures[measure].median):>11}" for measure in MEASURE_TITLES)
        ratios = cell["ratios"].get(name)
        better = f"   {times(ratios['ops'])}, cpu {times(ratios['cpu'])}" if ratios else ""
        failed = f"   {cell['failed'][name]:.0f} failed" if cell.get("failed", {}).get(name) else ""
        yield f"    {title(name):18}{figures}{better}{failed}"
    for name, why in cell.get("failures", {}).items():
        yield f"    {title(name):18} {why}"

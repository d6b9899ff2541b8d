"""The short table of README.md, between its two marks."""

from terminal import times

BEGIN, END = "<!-- figures: RREDIS_BLESS=1 make bench-report -->", "<!-- end of figures -->"
PEERS = ["hiredis", "redis-rs", "redis-py"]
# What a reader asks first, of the cells.
CELLS = [
    "GET", "SET", "GET 16 KiB", "GET 1 MiB", "LRANGE 600", "GET, pipeline 100", "GET, 4 threads", "GET, 16 threads", "GET, 64 threads",
    "GET, 256 threads", "GET over Unix", "GET over TLS",
]  # fmt: skip


def row(name, measure, ratios):
    cells = [times(ratios[peer][measure]) if measure in ratios.get(peer, {}) else "-" for peer in PEERS]
    worst = min(found[measure].median for peer, found in ratios.items() if peer in PEERS and measure in found)
    return worst, f"| {name} | {' | '.join(cells)} |"


def short_table(report):
    """Throughput, and processor time: the rows where a peer is faster first, the worst of them on top."""
    by_name = {cell["name"]: cell for cell in report["cells"]}
    rows = []
    for name in CELLS:
        if by_name.get(name, {}).get("ratios"):
            rows += [row(f"{name}: {what}", measure, by_name[name]["ratios"]) for measure, what in (("ops", "throughput"), ("cpu", "processor time"))]
    rows += [row(f"{found['name']}: processor time", "cpu", found["ratios"]) for found in report.get("timed", [])]
    worse, better = sorted(one for one in rows if one[0] < 1), [one for one in rows if one[0] >= 1]
    versions = ", ".join(f"{peer} {report['versions'][peer]}" for peer in PEERS if peer in report["versions"])
    head = f"| {report['made'][:10]}: times better than | {' | '.join(PEERS)} |\n|---|{'---|' * len(PEERS)}"
    return f"{head}\n" + "\n".join(text for _, text in worse + better) + f"\n\nPeers: {versions}. {report['machine']['processor']}.\n"


def write_readme(report, path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{short_table(report)}{END}{after}")

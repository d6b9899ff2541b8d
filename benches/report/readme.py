"""The short table of README.md, between its two marks."""

from clients import title

BEGIN, END = "<!-- figures: RREDIS_BLESS=1 make bench-report -->", "<!-- end of figures -->"
PEERS = ["hiredis", "newer", "libvalkey", "redis-rs", "redis-py"]
# What a reader asks first, of the cells.
CELLS = [
    "GET", "SET", "GET 16 KiB", "GET 1 MiB", "LRANGE 600", "GET, pipeline 100", "GET, 4 threads", "GET, 16 threads", "GET, 64 threads",
    "GET, 256 threads", "GET over Unix", "GET over TLS",
]  # fmt: skip


def ratios_of(found):
    """Throughput, and processor time, of what is measured."""
    return ", ".join(f"{prefix}{found[measure].median:.2f}" for measure, prefix in (("ops", ""), ("cpu", "cpu ")) if measure in found)


def row(name, ratios, peers):
    there = [peer for peer in peers if peer in ratios]
    worst = min(ratios[peer][measure].median for peer in there for measure in ("ops", "cpu") if measure in ratios[peer])
    cells = [ratios_of(ratios[peer]) if peer in there else "-" for peer in peers]
    return worst, f"| {name} | {' | '.join(cells)} |"


def short_table(report):
    """The medians of throughput and of processor time: the rows where a peer is faster first, the worst of them on top."""
    by_name = {cell["name"]: cell for cell in report["cells"]}
    peers = [peer for peer in PEERS if title(peer) in report["versions"]]
    rows = [row(name, by_name[name]["ratios"], peers) for name in CELLS if by_name.get(name, {}).get("ratios")]
    rows += [row(found["name"], found["ratios"], peers) for found in report.get("timed", [])]
    worse, better = sorted(one for one in rows if one[0] < 1), [one for one in rows if one[0] >= 1]
    versions = "; ".join(f"{title(peer)} {report['versions'][title(peer)]}" for peer in peers)
    head = f"| times better than | {' | '.join(map(title, peers))} |\n|---|{'---|' * len(peers)}\n"
    about = f"{report['made'][:10]}; {versions}; {report['machine']['processor']}.\n"
    return head + "\n".join(text for _, text in worse + better) + "\n\n" + about


def write_readme(report, path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{short_table(report)}{END}{after}")

"""benches/report/run runs it: measures, and writes a table, JSON and a page."""

import datetime
import json
import os
import platform
import sys
import tempfile
import time

import costs
from cells import all_cells
from clients import ROOT, Clients, alternated, said, version_of_server
from page import page
from readme import write_readme
from stress import stressed
from terminal import lines

BEGAN = time.monotonic()


def tell(what):
    passed = int(time.monotonic() - BEGAN)
    print(f"[{passed // 60}:{passed % 60:02}] {what}", file=sys.stderr, flush=True)


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load():
    return " ".join(f"{one:.1f}" for one in os.getloadavg())


def revision():
    try:
        return said("git", "-C", ROOT, "describe", "--always", "--dirty").strip()
    except RuntimeError:
        return "unknown"


def measured(clients, full, turns, seconds):
    report = {
        "made": datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
        "command": "make bench-report" + (" FULL=1" if full else ""),
        "machine": {
            "processor": f"{cpu_name()}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores",
            "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
            "load before": load(),
        },
        "versions": {**clients.versions, "revision": revision(), "server": version_of_server()},
        "absent": clients.absent,
        "alternation": {"turns": turns, "seconds": seconds},
        "about": "a spread is [median, low, high]; a ratio is how many times better librredis is",
    }
    cells = all_cells(full)
    report["cells"] = []
    for number, cell in enumerate(cells, 1):
        tell(f"{number} of {len(cells)}: {cell.name}")
        # Several threads are on all cores, and their runs differ more.
        report["cells"].append(alternated(clients, clients.of_cell(cell), cell, turns + 4 * (cell.threads > 1), seconds))
    report["stress"] = stressed(clients, turns, seconds, tell)
    tell("processor time of messages and loops")
    report["timed"] = costs.timed(clients, 2 * turns + 1)
    report["machine"]["load after, of which this is a part"] = load()
    report["costs"] = costs.counted(clients, tell) + costs.parsing(clients, tell)
    tell("memory, size and loading")
    report["costs"] += costs.memory(clients) + costs.loading(clients)
    return report


def main():
    out, into = sys.argv[1], sys.argv[2]
    turns, seconds = int(os.environ.get("RREDIS_TURNS", "3")), float(os.environ.get("RREDIS_SECONDS", "0.5"))
    with tempfile.TemporaryDirectory() as work:
        clients = Clients(work, out)
        tell("building the clients")
        clients.find()
        report = measured(clients, os.environ.get("FULL") == "1", turns, seconds)
    os.makedirs(into, exist_ok=True)
    with open(os.path.join(into, "report.json"), "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1, default=str)
    with open(os.path.join(into, "report.html"), "w", encoding="utf-8") as file:
        file.write(page(report))
    for line in lines(report):
        print(line)
    if os.environ.get("RREDIS_BLESS") == "1":
        write_readme(report, os.path.join(ROOT, "README.md"))
    print(f"\n{os.path.relpath(os.path.join(into, 'report.html'), ROOT)} and report.json beside it have all of it")
    tell("done")


main()

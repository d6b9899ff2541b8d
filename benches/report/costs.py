"""What it costs: instructions, system calls, allocations and page faults, memory, size, and what comes before the first command."""

import os
import re
from concurrent.futures import ThreadPoolExecutor

from clients import ROOT, SPEED, place, said
from figures import Spread, spread

CALLS = ["get", "set", "conn", "pipeline100", "get16k", "get256k", "async1", "async100", "message"]
TIMED = ["conn", "pipeline10000", "async1", "async10", "async100", "async1000", "message"]
TITLES = {
    "get": "GET", "set": "SET", "conn": "GET on an rredis_conn", "get16k": "GET of 16 KiB", "get256k": "GET of 256 KiB",
    "message": "a message received",
}  # fmt: skip
COUNTED = ["instructions", "system calls", "allocations", "page faults"]
CONNECTIONS = 200
LARGE = 64 << 20
PROCESSES = 15


def name_of(operation):
    for way, words in (("pipeline", "GET in a pipeline of"), ("async", "GET in a loop, overlapping:")):
        if operation.startswith(way):
            return f"{words} {operation[len(way):]}"
    return TITLES[operation]


def called(line):
    """A row of benches/calls: ours and theirs of what is counted, and how many times better the processor time is."""
    words = line.split()
    figures = [None if word == "-" else float(word) for word in words[2:10]]
    row = {what: (figures[2 * i], figures[2 * i + 1]) for i, what in enumerate(COUNTED)}
    cpu = re.search(r"([\d.]+) \(([\d.]+) to ([\d.]+)\)", line)
    return {"operation": words[0], "over": words[1], "cpu": Spread(*map(float, cpu.groups())), **row}


def calls(clients, operations, **environment):
    environment = {**os.environ, "RREDIS_OUT": clients.out, **environment}
    # A server of its own, for others are writing to the keys of this one.
    del environment["RREDIS_PORT"]
    lines = said(os.path.join(ROOT, "benches", "calls"), *operations, env=environment).splitlines()[2:]
    return [called(line) for line in lines]


def counted(clients, tell):
    """What repeats, whatever else the machine does: two rows at a time."""
    rows = []
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(calls, clients, [operation], RREDIS_TURNS="1") for operation in CALLS]
        for operation, job in zip(CALLS, jobs):
            tell(f"counting {name_of(operation)}")
            for row in job.result():
                over = "" if row["over"] == "tcp" else " over " + row["over"].title()
                for what in COUNTED:
                    ours, theirs = row[what]
                    rows.append(one_row(name_of(operation) + over, what, ours, {"hiredis": theirs}))
    return rows


def one_row(name, what, ours, others):
    return {"name": name, "what": what, "rredis": ours, **others}


def timed(clients, turns):
    """Processor time of what is no cell: messages, loops, a connection of one's own, pipelines of any length."""
    rows = calls(clients, TIMED, RREDIS_COUNTS="0", RREDIS_TURNS=str(turns))
    return [{"name": name_of(row["operation"]), "ratios": {"hiredis": {"cpu": row["cpu"]}}} for row in rows]


def instructions(program, parser, text):
    """What one more round costs, once all is warm."""

    def collected(rounds):
        command = 'valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1'
        printed = said("sh", "-c", command, "sh", program, "count", parser, text, str(rounds))
        return int(re.search(r"Collected : (\d+)", printed).group(1))

    try:
        return collected(3) - collected(2)
    except RuntimeError:
        return None


def parsing(clients, tell):
    """What the inputs of benches/parse.c cost to parse and free, in instructions."""
    program = os.path.join(clients.work, "parse")
    out = clients.out
    flags = said("pkg-config", "--cflags", "--libs", "hiredis").split()
    source = os.path.join(ROOT, "benches", "parse.c")
    include = "-I" + os.path.join(ROOT, "include")
    said(os.environ.get("CC", "cc"), "-O2", include, source, "-o", program, f"-L{out}", f"-Wl,-rpath,{out}", "-lrredis", *flags)
    inputs = said(program, "inputs").split()
    rows = []
    with ThreadPoolExecutor(2) as pool:
        jobs = [(pool.submit(instructions, program, "fast", text), pool.submit(instructions, program, "hiredis", text)) for text in inputs]
        for text, (ours, theirs) in zip(inputs, jobs):
            tell(f"parsing {text}")
            rows.append(one_row(f"parse {text}", "instructions", ours.result(), {"hiredis": theirs.result()}))
    return rows


def library_of(program, name):
    """The file of a shared library that a program is linked with."""
    for line in said("ldd", program).splitlines():
        if name in line:
            return os.path.realpath(line.split("=>")[1].split()[0])
    raise RuntimeError(f"{program} has no {name}")


def stripped_bytes(library, work):
    copy = os.path.join(work, "stripped")
    said("strip", "-o", copy, library)
    return os.path.getsize(copy)


def memory(clients):
    def footprint(client, *words):
        environment = {**os.environ, "RREDIS_POOL_MAX": str(CONNECTIONS)}
        program = os.path.join(clients.work, f"footprint-{client}")
        return float(said(program, words[0], place("tcp"), *map(str, words[1:]), env=environment))

    def both(name, what, *words, of=1):
        figures = {client: spread([footprint(client, *words) for _ in range(of)]).median for client in ("rredis", "hiredis")}
        return one_row(name, what, figures["rredis"], {"hiredis": figures["hiredis"]})

    return [
        both("a connection at rest", "bytes of heap", "heap", CONNECTIONS),
        both("the most memory of a GET of 64 MiB", "times its size", "peak", LARGE),
        both("from nothing to the first reply", "µs", "first", of=PROCESSES),
    ]


def loading(clients):
    program = os.path.join(clients.work, "load")
    said(os.environ.get("CC", "cc"), "-O2", os.path.join(SPEED, "load.c"), "-o", program, "-ldl")
    ours = library_of(os.path.join(clients.work, "rredis"), "librredis")
    theirs = library_of(os.path.join(clients.work, "hiredis"), "libhiredis")
    sizes = [stripped_bytes(library, clients.work) for library in (ours, theirs)]
    times = [spread([float(said(program, library)) for _ in range(PROCESSES)]).median for library in (ours, theirs)]
    return [
        one_row("the shared library, stripped (librredis: with TLS)", "bytes", sizes[0], {"hiredis": sizes[1]}),
        one_row("to load it (dlopen)", "µs", times[0], {"hiredis": times[1]}),
    ]

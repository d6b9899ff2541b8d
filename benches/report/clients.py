"""The clients that are there, and runs of them in turn."""

import os
import shutil
import subprocess
import sys

from figures import FLOORS, MEASURES, ratio, spread

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SPEED = os.path.join(ROOT, "benches", "speed")

# Who has no TLS of its own, as it is built here.
NO_TLS = {"bare", "mux", "redis-rs", "libvalkey"}
TITLES = {"rredis": "librredis", "newer": "hiredis, newer", "bare": "bare send and recv", "mux": "bare, one shared"}


def title(name):
    return TITLES.get(name, name)


def said(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, check=False, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-300:] or done.returncode}")
    return done.stdout


class Clients:
    """What runs each client, the version of each, and those that are not there with the reason."""

    def __init__(self, work, out):
        self.work, self.out = work, out
        self.programs, self.versions, self.absent, self.no_tls = {}, {}, {}, set(NO_TLS)

    def find(self):
        wanted = ["rredis", "hiredis", "bare", "mux"]
        for name, folder in (("newer", "RREDIS_HIREDIS"), ("libvalkey", "RREDIS_LIBVALKEY")):
            if os.environ.get(folder):
                wanted.append(name)
            else:
                self.absent[title(name)] = f"{folder} names no folder of it"
        said(os.path.join(SPEED, "build"), self.work, self.out, *wanted)
        said(os.path.join(SPEED, "build"), self.work, self.out, "footprint", *wanted[:2])
        for name in wanted:
            self.programs[name] = [os.path.join(self.work, name)]
        self.versions["librredis"] = said("sed", "-n", 's/^version = "\\(.*\\)"/\\1/p', os.path.join(ROOT, "Cargo.toml")).split()[0]
        self.versions["hiredis"] = said("pkg-config", "--modversion", "hiredis").strip() + ", as packaged"
        for name, folder in (("newer", "RREDIS_HIREDIS"), ("libvalkey", "RREDIS_LIBVALKEY")):
            if name in self.programs:
                self.versions[title(name)] = os.environ[folder]
        self.find_tls()
        self.find_redis_rs()
        self.find_redis_py()

    def find_tls(self):
        """Whether a hiredis has it is told by what it is linked with."""
        for name in ("hiredis", "newer"):
            if name in self.programs and "hiredis_ssl" not in said("ldd", *self.programs[name]):
                self.no_tls.add(name)

    def find_redis_rs(self):
        target = os.path.join(ROOT, "target", "report")
        manifest = os.path.join(SPEED, "redis-rs", "Cargo.toml")
        environment = {**os.environ, "CARGO_NET_RETRY": "1", "CARGO_HTTP_TIMEOUT": "20"}
        try:
            said("cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", manifest, "--target-dir", target, env=environment)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            self.absent["redis-rs"] = f"cargo did not build it: {error}"
            return
        self.programs["redis-rs"] = [os.path.join(target, "release", "speed-redis-rs")]
        tree = said("cargo", "tree", "--quiet", "--locked", "--manifest-path", manifest, "--depth", "1", "--prefix", "none")
        self.versions["redis-rs"] = next(line.split()[1][1:] for line in tree.splitlines() if line.startswith("redis "))

    def find_redis_py(self):
        python = os.environ.get("RREDIS_PYTHON", sys.executable)
        try:
            self.versions["redis-py"] = said(python, "-c", "import redis; print(redis.__version__)").strip()
        except RuntimeError:
            self.absent["redis-py"] = f"{python} has no package redis"
            return
        self.programs["redis-py"] = [python, os.path.join(SPEED, "redis_py.py")]

    def of_cell(self, cell):
        shares = cell.threads > 1 and cell.pipeline == 1 and cell.bytes < 1 << 10
        return [name for name in self.programs if (cell.over != "tls" or name not in self.no_tls) and (shares or name != "mux")]


def place(over):
    if over == "unix":
        return "unix:" + os.environ["RREDIS_SOCKET"]
    return "tls:" + os.environ["RREDIS_TLS_PORT"] if over == "tls" else "tcp:" + os.environ["RREDIS_PORT"]


def taken(line):
    """What a client has printed: a figure for each measure, and how many failed, if it says so."""
    figures = [float(word) for word in line.split()]
    if len(figures) < len(MEASURES):
        raise ValueError(f"not a line of figures: {line!r}")
    return dict(zip([*MEASURES, "failures"], figures))


def run(program, where, seconds, threads, pipeline, words, **environment):
    environment = {**os.environ, "RREDIS_CA": os.environ.get("RREDIS_TLS_CA", ""), **environment}
    return taken(said(*program, where, str(seconds), str(threads), str(pipeline), *words, env=environment))


def compared(runs):
    """Of runs in turn: what is typical of each client, and how many times better librredis is than each other one."""
    clients = {name: {measure: spread([one[measure] for one in runs[name]]) for measure in MEASURES} for name in runs}
    ours = runs.get("rredis", [])
    ratios = {
        name: {measure: ratio([one[measure] for one in ours], [one[measure] for one in theirs], more) for measure, more in MEASURES.items()}
        for name, theirs in runs.items()
        if name != "rredis"
    }
    return {"clients": clients, "ratios": ratios, "runs": runs}


def alternated(clients, names, cell, turns, seconds):
    """Each client once a turn, in strict alternation. A client that fails is left out, and says why."""
    runs, failures = {name: [] for name in names}, {}

    def one(name):
        try:
            runs[name].append(run(clients.programs[name], place(cell.over), seconds, cell.threads, cell.pipeline, cell.words()))
        except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
            failures[name] = str(error)

    with OneCore(cell):
        for _ in range(turns):
            for name in names:
                if name not in failures:
                    one(name)
    if "rredis" in failures:
        raise RuntimeError(f"{cell.name}: {failures['rredis']}")
    whole = {name: found for name, found in runs.items() if name not in failures}
    if cell.over == "tls":
        failures.update({name: "has no TLS as it is built here" for name in clients.programs if name in clients.no_tls and name not in FLOORS})
    return {"axis": cell.axis, "name": cell.name, "failures": failures, **compared(whole)}


class OneCore:
    """While it holds, both servers and this process are on one core. A client of one thread and its server run in turn: on two
    cores each waits for the other's to wake up, which may take ten times as long as all the rest, or nothing at all, and does
    both in the same minute on a virtual machine."""

    def __init__(self, cell):
        self.wanted = cell.threads == 1 and os.environ.get("RREDIS_PIN", "1") == "1"
        self.all = os.sched_getaffinity(0)

    def set(self, cores):
        tasks = [0]
        for folder in ("RREDIS_FOLDER", "RREDIS_TLS_FOLDER"):
            with open(os.path.join(os.environ[folder], "pid"), encoding="utf-8") as file:
                tasks += [int(task) for task in os.listdir(f"/proc/{file.read().strip()}/task")]
        for task in tasks:
            os.sched_setaffinity(task, cores)

    def __enter__(self):
        if self.wanted:
            self.set({max(self.all)})

    def __exit__(self, *_):
        if self.wanted:
            self.set(self.all)


def version_of_server():
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    return said(program, "--version").strip()

"""What is measured: commands, values, threads, pipelines and sockets, one axis at a time from a centre."""

from dataclasses import dataclass, replace

KEY = "bench:key"
LIST = "bench:list"
SET_KEY = "bench:set"
ELEMENTS = 600
# A list for LPOP that lasts longer than a run.
MANY = ["EVAL", "redis.call('del', KEYS[1]) for i = 1, 200000 do redis.call('rpush', KEYS[1], ARGV[1]) end", "1", LIST, "@64"]


@dataclass(frozen=True)
class Cell:
    axis: str
    name: str
    command: tuple
    before: tuple = ()
    bytes: int = 64
    threads: int = 1
    pipeline: int = 1
    over: str = "tcp"

    def words(self):
        """The commands as a client is given them: the last is measured, the others are sent once."""
        words = []
        for command in (*self.before, self.command):
            words += [*command, ","]
        return words[:-1]


def get(bytes_):
    return dict(command=("GET", KEY), before=(("SET", KEY, f"@{bytes_}"),), bytes=bytes_)


def sized(bytes_):
    for size, unit in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if bytes_ >= size:
            return f"{bytes_ // size} {unit}"
    return f"{bytes_} B"


GET = Cell("command", "GET", **get(64))


def commands():
    filled = (("DEL", LIST), ("RPUSH", LIST, *["@64"] * ELEMENTS))
    scored = ["ZADD", SET_KEY]
    for i in range(ELEMENTS):
        scored += [str(i * 997 % 1000), f"member-{i:04}"]
    scored = (("DEL", SET_KEY), tuple(scored))
    mset = ("MSET", *[word for i in range(10) for word in (f"bench:key:{i}", "@64")])
    new = (("DEL", SET_KEY),)
    made = [
        Cell("command", "PING", ("PING",)),
        Cell("command", "SET", ("SET", KEY, "@64")),
        GET,
        Cell("command", "INCR", ("INCR", "bench:number")),
        Cell("command", "LPUSH", ("LPUSH", LIST, "@64"), (("DEL", LIST),)),
        Cell("command", "LPOP", ("LPOP", LIST), (tuple(MANY),)),
        Cell("command", "SADD", ("SADD", SET_KEY, "@64"), new),
        Cell("command", "HSET", ("HSET", SET_KEY, "field", "@64"), new),
        Cell("command", "MSET of 10", mset),
    ]
    made += [Cell("command", f"LRANGE {n}", ("LRANGE", LIST, "0", str(n - 1)), filled) for n in (100, 300, 600)]
    made += [
        Cell("command", "ZADD", ("ZADD", SET_KEY, "1", "member"), new),
        Cell("command", "ZRANGE 100", ("ZRANGE", SET_KEY, "0", "99"), scored),
    ]
    return made


def quick_cells():
    cells = commands()
    cells += [Cell("value", f"GET {sized(n)}", **get(n)) for n in (3, 1 << 10, 16 << 10, 256 << 10, 1 << 20)]
    cells += [Cell("threads", f"GET, {n} threads", threads=n, **get(64)) for n in (4, 16, 64, 256)]
    cells += [Cell("pipeline", f"GET, pipeline {n}", pipeline=n, **get(64)) for n in (16, 100)]
    cells += [Cell("socket", f"GET over {name}", over=over, **get(64)) for name, over in (("Unix", "unix"), ("TLS", "tls"))]
    return cells


def matrix():
    """All values, threads, pipelines and sockets with each other, for GET and SET; and the quick ones."""
    cells = quick_cells()
    for over in ("tcp", "unix", "tls"):
        for size in (3, 64, 1 << 10, 16 << 10, 256 << 10, 1 << 20):
            for threads in (1, 4, 16, 64, 256):
                for pipeline in (1, 16, 100):
                    # More than this is on its way at once in no program, and in no server's memory.
                    if size * threads * pipeline > 64 << 20:
                        continue
                    name = f"{sized(size)}, {threads} threads, pipeline {pipeline}, {over}"
                    one = replace(GET, axis="matrix", name=f"GET {name}", threads=threads, pipeline=pipeline, over=over)
                    cells.append(replace(one, **get(size)))
                    cells.append(replace(one, name=f"SET {name}", command=("SET", KEY, f"@{size}"), before=(), bytes=size))
    return cells


def all_cells(full):
    return matrix() if full else quick_cells()

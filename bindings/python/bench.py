"""The binding beside redis-py (with hiredis) and redis.asyncio: processor time for each operation, in strict alternation.

A ratio is the median over turns: above 1 the binding takes less. "bare" is the same call of the library through cffi with nothing
made of its reply: what no binding through this FFI can go below.
"""

import asyncio
import os
import statistics
import sys
import time

import hiredis
import redis
import redis.asyncio

import rredis
import rredis.asyncio
from rredis._ffi import ffi, fill, lib, Frame
from rredis._values import native

URL = os.environ["RREDIS_URL"]
TURNS = int(os.environ.get("RREDIS_TURNS", "9"))
COUNT = int(os.environ.get("RREDIS_COUNT", "2000"))


def bare(client, *args):
    frame = Frame()
    argv, lens, keep = fill(frame, args)
    command, free, handle, out, err, count = (
        lib.rredis_client_command, lib.rredis_reply_free, client._handle, frame.out, frame.err, len(args),
    )

    def call(_keep=keep):
        command(handle, count, argv, lens, out, err)
        free(out[0])

    return call


def rows(ours, theirs):
    ours.flushdb()
    text = "x" * 64
    ours.set("k", text)
    ours.hset("h", mapping={f"field:{n}": text for n in range(50)})
    ours.rpush("l", *(text for _ in range(100)))
    ours.rpush("l1000", *(text for _ in range(1000)))
    ours.set("16k", "x" * 16384)
    yield "GET", 1, lambda: ours.get("k"), lambda: theirs.get("k"), bare(ours, "GET", "k")
    yield "SET", 1, lambda: ours.set("k", text), lambda: theirs.set("k", text), bare(ours, "SET", "k", text)
    yield "GET 16 KiB", 1, lambda: ours.get("16k"), lambda: theirs.get("16k"), bare(ours, "GET", "16k")
    yield "HGETALL of 50", 5, lambda: ours.hgetall("h"), lambda: theirs.hgetall("h"), bare(ours, "HGETALL", "h")
    both = [lambda r=r: r.lrange("l", 0, -1) for r in (ours, theirs)]
    yield "LRANGE of 100", 5, *both, bare(ours, "LRANGE", "l", 0, -1)
    both = [lambda r=r: r.lrange("l1000", 0, -1) for r in (ours, theirs)]
    yield "LRANGE of 1000", 40, *both, bare(ours, "LRANGE", "l1000", 0, -1)

    def pipeline(r):
        def run():
            pipe = r.pipeline(transaction=False)
            for _ in range(100):
                pipe.get("k")
            pipe.execute()

        return run

    yield "100 GET, pipeline", 50, pipeline(ours), pipeline(theirs), None


def took(function, count):
    begin = time.process_time()
    for _ in range(count):
        function()
    return (time.process_time() - begin) / count * 1e6


def say(name, turns):
    """Microseconds of ours, of theirs and of a bare call; and the ratio."""
    ours, theirs, least = (statistics.median(column) if column[0] is not None else None for column in zip(*turns))
    ratio = statistics.median(theirs / ours for ours, theirs, _ in turns)
    floor = "" if least is None else f"{least:10.1f}"
    print(f"{name:22}{ours:10.1f}{theirs:12.1f}{ratio:8.2f} x{floor:>12}", flush=True)


async def loops():
    ours = rredis.asyncio.from_url(URL)
    theirs = redis.asyncio.from_url(URL)
    for together in (1, 10, 50):
        async def run(r):
            begin = time.process_time()
            for _ in range(max(1, COUNT // 2 // together)):
                if together == 1:
                    await r.get("k")
                else:
                    await asyncio.gather(*(r.get("k") for _ in range(together)))
            return (time.process_time() - begin) / (max(1, COUNT // 2 // together) * together) * 1e6

        turns = [(await run(ours), await run(theirs), None) for _ in range(TURNS)]
        say(f"asyncio GET, {together} at once", turns)
    await ours.aclose()
    await theirs.aclose()


def main():
    way = "with the extension" if native else "cffi alone"
    print(f"Python {sys.version.split()[0]}, {way}, redis-py {redis.__version__}, hiredis {hiredis.__version__}: us of processor time")
    print(f"{'':22}{'ours':>10}{'redis-py':>12}{'ratio':>10}{'bare':>12}")
    ours, theirs = rredis.from_url(URL), redis.from_url(URL)
    for name, share, one, other, least in rows(ours, theirs):
        count = max(1, COUNT // share)
        turns = [(took(one, count), took(other, count), least and took(least, count)) for _ in range(TURNS)]
        say(name, turns)
    asyncio.run(loops())


main()

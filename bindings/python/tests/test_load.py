"""Many operations with flat memory, threads, and children of fork."""

import asyncio
import ctypes
import gc
import os
import sys
import threading
import unittest

import rredis
import rredis.asyncio
from support import MANY, URL, Case, client


class Mallinfo(ctypes.Structure):
    """mallinfo2 of glibc: all of its fields are sizes."""

    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]


def heap():
    """How many bytes are allocated by malloc: the library's, and Python's that are larger than 512. None: nobody counts them."""
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is None:
        return None
    mallinfo.restype = Mallinfo
    found = mallinfo()
    return found.uordblks + found.hblkhd


class Memory(Case):
    """No operation leaves 100 bytes behind: as an object of Python's, or as memory of the library's."""

    def setUp(self):
        super().setUp()
        self.r.rpush("l", *range(100))
        self.r.hset("h", mapping={n: n for n in range(50)})
        self.r.set("text", "x" * 100)

    def flat(self, work, share=1, warm=4):
        """`work` does something so many times."""
        count = MANY // share
        work(max(count // warm, 200))
        gc.collect()
        blocks, bytes_ = sys.getallocatedblocks(), heap()
        work(count)
        gc.collect()
        self.assertLess(sys.getallocatedblocks() - blocks, count // 2)
        if bytes_ is not None:
            self.assertLess(heap() - bytes_, 50 * count)

    def repeated(self, *ways, share=1):
        for way in ways:

            def work(count):
                for _ in range(count):
                    way()

            with self.subTest(way.__name__):
                self.flat(work, share)

    def test_of_commands(self):
        r = self.r
        r.set_response_callback("STRLEN", lambda reply: [reply] * 10)
        with client(decode_responses=True) as text:

            def values():
                r.set("k", 1)
                r.get("k")
                text.get("k")
                r.strlen("text")

            def aggregates():
                r.lrange("l", 0, -1)
                r.hgetall("h")

            def errors():
                with self.assertRaises(rredis.ResponseError):
                    r.incr("text")

            self.repeated(values, aggregates, errors, share=2)

    def test_of_pipelines(self):
        r = self.r
        r.set_response_callback("STRLEN", lambda reply: [reply] * 10)
        script = r.register_script("return {KEYS[1], ARGV[1]}")

        def queued():
            r.pipeline().get("k").strlen("k").incr("n").execute()

        def dropped():
            r.pipeline().get("k").reset()

        def each():
            r.pipeline().get("k").strlen("k").each(lambda _index, _reply: None)

        def watched():
            with r.pipeline() as pipe:
                pipe.watch("k")
                pipe.get("k")
                pipe.strlen("k")

        def transaction():
            r.transaction(lambda pipe: pipe.get("n") and pipe.multi() or pipe.incr("n"), "n")

        def scripts():
            script(keys=["k"], args=[1])
            script(keys=["k"], args=[1], client=(pipe := r.pipeline()))
            pipe.execute()

        self.repeated(queued, dropped, each, watched, transaction, scripts, share=4)

    def test_of_subscribers_and_connections(self):
        r = self.r

        def opened():
            with r.connection() as connection, r.pubsub() as sub:
                connection.ping()
                sub.subscribe("c")

        self.repeated(opened, share=10)
        with r.connection() as connection, r.pubsub() as sub:
            sub.subscribe("c", handled=lambda _message: None)

            def messages():
                r.publish("c", "x")
                r.publish("handled", "x")
                self.assertEqual(sub.get_message(timeout=5)["data"], b"x")
                self.assertIsNone(sub.get_message(timeout=5))

            def received():
                connection.send("GET", "text")
                connection.receive()
                connection.get("text")

            self.repeated(messages, received, share=2)

    def test_of_an_event_loop(self):
        async def commands(r, count):
            r.set_response_callback("STRLEN", lambda reply: [reply] * 10)
            for _ in range(count // 4):
                await asyncio.gather(r.get("text"), r.lrange("l", 0, 10), r.strlen("text"), asyncio.create_task(r.get("k")))
                r.get("text").cancel()

        async def alone(r, count):
            for _ in range(count // 10):
                await r.rpush("q", 1)
                await r.blpop("q")

        async def queued(r, count):
            script = r.register_script("return {KEYS[1], ARGV[1]}")
            for _ in range(count // 4):
                await r.pipeline().get("text").incr("n").execute()
                await r.transaction(lambda pipe: pipe.multi() or pipe.incr("n"), "n")
                await script(keys=["k"], args=[1])

        async def messages(r, count):
            async with r.pubsub() as sub:
                await sub.subscribe("c")
                for _ in range(count // 2):
                    await r.publish("c", "x")
                    self.assertEqual((await sub.get_message(timeout=5))["data"], b"x")

        for way in (commands, alone, queued, messages):
            # One loop for both measurements: what it keeps is its own.
            with self.subTest(way.__name__), Loop() as run:
                r = run(made())
                self.flat(lambda count: run(way(r, count)), share=2)
                run(r.aclose())


async def made():
    return rredis.asyncio.from_url(URL)


class Loop:
    """A loop: asyncio.Runner is newer than some Pythons."""

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        return self.loop.run_until_complete

    def __exit__(self, *_how):
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


class Threads(Case):
    def test_many_threads_share_a_client(self):
        faults = []

        def work(number):
            for count in range(1, MANY // 80 + 1):
                if self.r.incr(f"t:{number}") != count:
                    faults.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])


class Fork(Case):
    def test_children_beside_busy_threads(self):
        stop, faults = threading.Event(), []

        def work(number):
            count = 0
            while not stop.is_set():
                count += 1
                if self.r.incr(f"parent:{number}") != count:
                    faults.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        sub = self.r.pubsub()
        sub.subscribe("c")
        children = []
        for child in range(8):
            pid = os.fork()
            if pid == 0:
                right = False
                try:
                    right = all(self.r.incr(f"child:{child}") == count for count in range(1, MANY // 80 + 1))
                    try:
                        sub.get_message()
                        right = False
                    except Exception as error:
                        right = right and error.status.name == "FORKED"
                finally:
                    os._exit(0 if right else 1)
            children.append(pid)
        ends = [os.waitpid(pid, 0)[1] for pid in children]
        stop.set()
        for thread in threads:
            thread.join()
        sub.close()
        self.assertEqual((ends, faults), ([0] * 8, []))


if __name__ == "__main__":
    unittest.main()

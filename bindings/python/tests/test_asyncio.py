"""rredis.asyncio: commands, many at once, cancellation, pipelines, transactions, subscribers and scripts."""

import asyncio
import importlib
import socket
import time
import unittest

import rredis
import rredis.asyncio
from support import MANY, URL

# Its reply takes 50 ms.
SLOW = """local begin = redis.call('TIME')
repeat local now = redis.call('TIME') until (now[1] - begin[1]) * 1e6 + now[2] - begin[2] > 50000
return 1"""


class Asyncio(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        # Its traceback of each future takes longer than the commands may.
        asyncio.get_running_loop().set_debug(False)
        self.r = rredis.asyncio.from_url(URL)
        await self.r.flushdb()

    async def asyncTearDown(self):
        await self.r.aclose()

    async def test_commands(self):
        self.assertIs(await self.r.set("k", "v"), True)
        self.assertEqual(await self.r.get("k"), b"v")
        await self.r.hset("h", mapping={"a": 1})
        self.assertEqual(await self.r.hgetall("h"), {b"a": b"1"})
        self.assertEqual(await asyncio.gather(*(self.r.incr("n") for _ in range(50))), list(range(1, 51)))
        with self.assertRaises(rredis.ResponseError) as caught:
            await self.r.incr("h")
        self.assertEqual(caught.exception.code, "WRONGTYPE")
        with self.assertRaises(rredis.TimeoutError):
            await self.r.execute_command("BLPOP", "nothing", 0, timeout=0.02)
        self.assertEqual([key async for key in self.r.scan_iter(match="n")], [b"n"])

    async def test_more_at_once_than_may_be_under_way(self):
        replies = await asyncio.gather(*(self.r.incr("n") for _ in range(6_000)))
        self.assertEqual(replies, list(range(1, 6_001)))

    async def test_many(self):
        async def work(number):
            for count in range(1, MANY // 50 + 1):
                self.assertEqual(await self.r.incr(f"t:{number}"), count)

        await asyncio.gather(*(work(number) for number in range(50)))

    async def test_a_blocking_command_holds_up_no_other(self):
        waiting = asyncio.ensure_future(self.r.blpop("l"))
        await asyncio.sleep(0.05)
        self.assertEqual(await self.r.rpush("l", 1), 1)
        self.assertEqual(await waiting, [b"l", b"1"])

    async def test_a_cancelled_wait_takes_nothing(self):
        waiting = asyncio.ensure_future(self.r.blpop("l"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await waiting
        while (await self.r.info("clients"))[b"Clients"][b"blocked_clients"] != b"0":
            await asyncio.sleep(0.01)
        await self.r.rpush("l", 1)
        self.assertEqual(await self.r.llen("l"), 1)
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(self.r.blpop("m"), 0.05)
        waiting = self.r.get("k")
        waiting.cancel()
        self.assertIsNone(await self.r.get("k"))

    async def test_pipelines_and_transactions(self):
        self.assertEqual(await self.r.pipeline().set("k", 1).incr("k").execute(), [True, 2])
        async with self.r.pipeline() as pipe:
            await pipe.watch("k")
            self.assertEqual(await pipe.get("k"), b"2")
            pipe.multi()
            pipe.incr("k")
            self.assertEqual(await pipe.execute(), [3])

        def add(pipe):
            now = int(pipe.get("k"))
            pipe.multi()
            pipe.set("k", now + 1)

        await asyncio.gather(*(self.r.transaction(add, "k") for _ in range(20)))
        self.assertEqual(await self.r.get("k"), b"23")
        for wait in (
            self.r.pipeline(transaction=False).blpop("nothing").execute(),
            self.r.transaction(lambda pipe: pipe.blpop("nothing"), "k"),
        ):
            waiting = asyncio.ensure_future(wait)
            await asyncio.sleep(0.05)
            waiting.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await asyncio.wait_for(waiting, 10)
        self.assertEqual(await self.r.get("k"), b"23")

    async def test_subscribers(self):
        seen = []
        async with self.r.pubsub() as sub:
            await sub.subscribe("c", handled=seen.append)
            waiting = asyncio.ensure_future(sub.get_message(timeout=None))
            await asyncio.sleep(0.02)
            for number in range(500):
                await self.r.publish("c", number)
            found = [await waiting]
            async for message in sub.listen():
                found.append(message)
                if len(found) == 500:
                    break
            self.assertEqual([int(message["data"]) for message in found], list(range(500)))
            self.assertIsNone(await sub.get_message(timeout=0.01))
            await self.r.publish("handled", 1)
            self.assertIsNone(await sub.get_message(timeout=5))
            self.assertEqual(seen[0]["data"], b"1")
            waiting = asyncio.ensure_future(sub.get_message(timeout=None))
            await asyncio.sleep(0.02)
            waiting.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await waiting
            await self.r.publish("c", "again")
            self.assertEqual((await sub.get_message(timeout=5))["data"], b"again")

    async def test_scripts_and_callbacks(self):
        script = self.r.register_script("return {KEYS[1], ARGV[1]}")
        await self.r.script_flush()
        self.assertEqual([await script(keys=["k"], args=[n]) for n in range(2)], [[b"k", b"0"], [b"k", b"1"]])
        self.r.set_response_callback("GET", lambda reply: ("seen", reply))
        self.assertEqual(await self.r.get("k"), ("seen", None))

        def refuse(_reply):
            raise ZeroDivisionError

        self.r.set_response_callback("GET", refuse)
        with self.assertRaises(ZeroDivisionError):
            await self.r.get("k")
        self.assertIs(await self.r.ping(), True)

    async def test_a_function_that_raises_stops_nothing_that_waits(self):
        """More than may be under way, all of which fail in the round that a receiver of events spoils."""
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))

        def refuse(event):
            if event[0] == b"lost":
                raise KeyError("the event")

        async with rredis.asyncio.from_url(URL, on_event=refuse, inflight_max=10) as r:
            self.assertIs(await r.ping(), True)
            kill = r.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
            waiting = asyncio.gather(kill, *(r.incr("n") for _ in range(100)), return_exceptions=True)
            replies = await asyncio.wait_for(waiting, 10)
        self.assertEqual([type(reply) for reply in replies[-90:]], [int] * 90)
        self.assertEqual([type(one) for one in told], [KeyError])

    async def test_results_of_callbacks_are_kept_for_nobody(self):
        results = importlib.import_module("rredis.client").results
        self.r.set_response_callback("GET", lambda reply: ("seen", reply))
        waiting = [self.r.get("k") for _ in range(5)]
        for one in waiting:
            one.cancel()
        self.assertEqual(await self.r.get("k"), ("seen", None))
        self.assertEqual(results, {})

    async def test_told_twice_to_stop(self):
        """A transaction's function is on a thread. Whoever is cancelled twice still waits for its end."""
        begun, ends = asyncio.Event(), []
        loop = asyncio.get_running_loop()

        def slow(pipe):
            loop.call_soon_threadsafe(begun.set)
            time.sleep(0.3)
            ends.append(pipe.get("k"))

        task = asyncio.ensure_future(self.r.transaction(slow, "k"))
        await begun.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.01)
        self.assertFalse(task.done())
        with self.assertRaises(asyncio.CancelledError):
            await task
        self.assertEqual(len(ends), 1)

    async def test_a_command_is_what_asyncio_takes(self):
        """Awaited, as a task, among others, in a group; with a time; and cancelled."""
        await self.r.set("k", "v")
        self.assertEqual(await asyncio.create_task(self.r.get("k")), b"v")
        task = asyncio.create_task(self.r.blpop("l"))
        await asyncio.sleep(0)
        await self.r.rpush("l", 1)
        self.assertEqual(await task, [b"l", b"1"])
        self.assertEqual(await asyncio.wait_for(self.r.get("k"), 5), b"v")
        with self.assertRaises(rredis.ResponseError):
            await asyncio.create_task(self.r.incr("k"))
        if hasattr(asyncio, "TaskGroup"):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.r.get("k")), group.create_task(self.r.strlen("k"))]
            self.assertEqual([one.result() for one in tasks], [b"v", 1])
        for steps in (0, 1):
            task = asyncio.create_task(self.r.eval(SLOW, 0))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
        async with self.r.pipeline() as pipe:
            await pipe.watch("k")
            self.assertEqual(await asyncio.create_task(pipe.get("k")), b"v")
            await pipe.unwatch()
            await pipe.get("k").reset()
            self.assertEqual(await pipe.execute(), [])
            found = []
            await pipe.get("k").each(lambda *one: found.append(one))
            self.assertEqual(found, [(0, b"v")])
            await pipe.close()
        sub = self.r.pubsub()
        await sub.subscribe("a", "b")
        await sub.psubscribe("p*")
        await sub.unsubscribe()
        await sub.punsubscribe("p*")
        await sub.sunsubscribe()
        await sub.close()
        await self.r.close()

    async def test_a_script_that_says_noscript_itself_runs_once(self):
        script = self.r.register_script("redis.call('INCR', KEYS[1]) return {err = 'NOSCRIPT it says'}")
        for runs in (1, 2):
            with self.assertRaises(rredis.NoScriptError):
                await script(keys=["n"])
        # The first run may have been by EVAL.
        self.assertEqual(await self.r.get("n"), b"2")

    async def test_the_first_subscription_ends_with_its_task(self):
        """A server that says nothing: the thread ends too, and no later wait does in its stead."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            r = rredis.asyncio.Redis(port=silent.getsockname()[1], connect_timeout_ms=-1, command_timeout_ms=-1)
            sub = r.pubsub()
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(sub.subscribe("c"), 0.1)
            self.assertIsNone(await sub.get_message(timeout=0.01))
            # The default executor has ended when its threads have.
            await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 10)
            await sub.aclose()

    async def test_confirmations(self):
        async with rredis.asyncio.from_url(URL, pubsub_confirmations=1) as r:
            async with r.pubsub() as sub, r.pubsub(ignore_subscribe_messages=True) as ignoring:
                await sub.subscribe("c")
                await ignoring.subscribe("c")
                self.assertEqual((await sub.get_message(timeout=5))["type"], "subscribe")
                self.assertIsNone(await ignoring.get_message(timeout=0.05))

    async def test_closing_ends_what_waits(self):
        waiting = asyncio.ensure_future(self.r.eval(SLOW, 0))
        await asyncio.sleep(0)
        await self.r.aclose()
        with self.assertRaises(rredis.RedisError):
            await waiting
        self.assertIs(await self.r.ping(), True)


if __name__ == "__main__":
    unittest.main()

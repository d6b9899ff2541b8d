"""rredis.asyncio: commands, many at once, cancellation, pipelines, transactions, subscribers and scripts."""

import asyncio
import unittest

import rredis
import rredis.asyncio
from support import MANY, URL


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
        while await self.r.execute_command("CLIENT", "LIST") and (await self.r.info("clients")).get(b"blocked_clients") not in (None, 0, b"0"):
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

    async def test_closing_ends_what_waits(self):
        waiting = asyncio.ensure_future(self.r.execute_command("DEBUG", "SLEEP", "0.2"))
        await asyncio.sleep(0.02)
        await self.r.aclose()
        with self.assertRaises(rredis.RedisError):
            await waiting
        self.assertIs(await self.r.ping(), True)


if __name__ == "__main__":
    unittest.main()

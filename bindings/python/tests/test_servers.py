"""A cluster, and what Sentinels name: tools/bindings starts both."""

import asyncio
import os
import unittest

import rredis
import rredis.asyncio

PREFIX = f"py:{os.getpid()}:"


class Servers(unittest.TestCase):
    def of(self, name, kind=rredis):
        if name not in os.environ:
            self.skipTest(f"{name} names no servers: tools/bindings starts them")
        made = kind.from_url(os.environ[name], decode_responses=True, command_timeout_ms=20_000)
        if kind is rredis:
            self.addCleanup(made.close)
        return made

    def eventually(self, sub, publish, wanted):
        """What arrives while `publish` is called, until `wanted` says that all is there."""
        seen = []
        for _ in range(500):
            if wanted(seen):
                return seen
            publish()
            message = sub.get_message(timeout=0.1)
            if message is not None:
                seen.append(message)
        self.fail(f"only {seen}")

    def test_a_cluster(self):
        r = self.of("RREDIS_CLUSTER")
        keys = [f"{PREFIX}{number}" for number in range(100)]
        for key in keys:
            self.assertIs(r.set(key, key, ex=600), True)
        self.assertEqual([r.get(key) for key in keys], keys)
        pipe = r.pipeline(transaction=False)
        for key in keys:
            pipe.get(key)
        self.assertEqual(pipe.execute(), keys)
        self.assertEqual(set(r.scan_iter(match=f"{PREFIX}*", count=100)), set(keys))

        number = f"{{{PREFIX}tag}}n"
        self.assertEqual(r.pipeline().set(number, 1).incr(number).execute(), [True, 2])

        def add(pipe):
            value = int(pipe.get(number))
            pipe.multi()
            pipe.set(number, value + 1)

        self.assertEqual(r.transaction(add, number), [True])
        pipe = r.pipeline()
        for key in keys:
            pipe.get(key)
        with self.assertRaises(rredis.DataError):
            pipe.execute()
        self.assertEqual(r.register_script("return redis.call('GET', KEYS[1])")(keys=[number]), "3")

        servers = r.servers()
        self.assertEqual(sorted(server["role"] for server in servers), ["primary"] * 3 + ["replica"] * 3)
        self.assertEqual(r.at(key=keys[0]).get(keys[0]), keys[0])
        ports = {r.at(server=server["endpoint"]).config_get("port")["port"] for server in servers}
        self.assertEqual(len(ports), 6)
        with r.lock(f"{PREFIX}lock", timeout=60) as lock:
            self.assertTrue(lock.owned())
        for key in (*keys, number):
            r.delete(key)

    def test_messages_of_a_cluster(self):
        r = self.of("RREDIS_CLUSTER")
        with r.pubsub() as sub:
            shards = [f"{PREFIX}shard:{number}" for number in range(5)]
            sub.subscribe(f"{PREFIX}news")
            sub.psubscribe(f"{PREFIX}n*")
            sub.ssubscribe(*shards)

            def publish():
                r.publish(f"{PREFIX}news", "x")
                for shard in shards:
                    r.execute_command("SPUBLISH", shard, "x")

            expected = {("message", f"{PREFIX}news"), ("pmessage", f"{PREFIX}news"), *(("smessage", shard) for shard in shards)}
            self.eventually(sub, publish, lambda seen: {(one["type"], one["channel"]) for one in seen} == expected)

    def test_behind_sentinels(self):
        r = self.of("RREDIS_SENTINEL")
        key = f"{PREFIX}k"
        r.set(key, "v", ex=600)
        self.assertEqual(r.get(key), "v")
        self.assertEqual(r.role()["role"], "master")
        self.assertEqual(sorted(server["role"] for server in r.servers())[:2], ["primary", "replica"])
        self.assertEqual(r.pipeline().set(key, "w").get(key).execute(), [True, "w"])
        with r.pubsub() as sub:
            sub.subscribe(f"{PREFIX}news")
            seen = self.eventually(sub, lambda: r.publish(f"{PREFIX}news", "x"), bool)
            self.assertEqual(seen[0]["data"], "x")
        r.delete(key)

    def test_in_an_event_loop(self):
        async def main(name):
            async with self.of(name, rredis.asyncio) as r:
                keys = [f"{PREFIX}loop:{number}" for number in range(100)]
                await asyncio.gather(*(r.set(key, key, ex=600) for key in keys))
                self.assertEqual(await asyncio.gather(*(r.get(key) for key in keys)), keys)
                pipe = r.pipeline(transaction=False)
                for key in keys:
                    pipe.delete(key)
                self.assertEqual(await pipe.execute(), [1] * 100)

                script = r.register_script("redis.call('INCR', KEYS[1]) return {err = 'NOSCRIPT it says'}")
                for key in keys[:10]:
                    with self.assertRaises(rredis.NoScriptError):
                        await script(keys=[key])
                # One primary has not the script: those that have it are asked themselves.
                await r.at(key=keys[0]).script_flush()
                for key in keys[1:10]:
                    with self.assertRaises(rredis.NoScriptError):
                        await script(keys=[key])
                plain = r.register_script("return 'it runs'")
                self.assertEqual([await plain() for _ in range(10)], ["it runs"] * 10)
                counts = await asyncio.gather(*(r.get(key) for key in keys[:10]))
                self.assertEqual(counts, ["1", *["2"] * 9])
                await asyncio.gather(*(r.delete(key) for key in keys[:10]))

        for name in ("RREDIS_CLUSTER", "RREDIS_SENTINEL"):
            asyncio.run(main(name))


if __name__ == "__main__":
    unittest.main()

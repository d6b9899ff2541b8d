"""Methods with options: what they send is what the server does."""

import datetime
import unittest

from rredis.commands import Commands
from support import Case


class Methods(Case):
    options = {"decode_responses": True}

    def test_strings_and_keys(self):
        r = self.r
        r.set("k", "v", ex=100)
        self.assertEqual(r.getex("k", px=50_000), "v")
        self.assertLessEqual(r.pttl("k"), 50_000)
        self.assertEqual(r.getex("k", ex=datetime.timedelta(seconds=200)), "v")
        self.assertGreater(r.ttl("k"), 100)
        self.assertEqual(r.getex("k", exat=datetime.datetime.now() + datetime.timedelta(hours=1)), "v")
        self.assertGreater(r.ttl("k"), 3_000)
        self.assertEqual(r.getex("k", persist=True), "v")
        self.assertEqual(r.ttl("k"), -1)
        self.assertIs(r.expire("k", 100, nx=True), True)
        self.assertIs(r.expire("k", 50, gt=True), False)
        self.assertIs(r.copy("k", "other"), True)
        self.assertIs(r.copy("k", "other"), False)
        self.assertIs(r.copy("k", "other", replace=True), True)
        self.assertIs(r.copy("k", "k", destination_db=1, replace=True), True)
        self.assertEqual(r.bitcount("k", 0, 0, mode="BYTE"), bin(ord("v")).count("1"))
        self.assertEqual(r.bitpos("k", 0, start=0, end=-1), 0)
        self.assertEqual(float(r.incrbyfloat("f", 1.5)), 1.5)
        self.assertGreater(r.memory_usage("k", samples=0), 0)
        self.assertIs(r.flushdb(asynchronous=True), True)
        r.rpush("l", 3, 1, 2)
        r.mset({"w1": 3, "w2": 2, "w3": 1, "n1": "one", "n2": "two", "n3": "three"})
        self.assertEqual(r.sort("l", start=0, num=2, desc=True), ["3", "2"])
        self.assertEqual(r.sort("l", by="w*", get=["#", "n*"]), ["3", "three", "2", "two", "1", "one"])
        self.assertEqual(r.sort("l", alpha=True, store="sorted"), 3)
        self.assertEqual(r.sort_ro("sorted", get="n*"), ["one", "two", "three"])

    def test_hashes(self):
        r = self.r
        self.assertEqual(r.hset("h", "a", 1, mapping={"b": 2}, items=["c", 3]), 3)
        self.assertEqual((r.hincrby("h", "a"), float(r.hincrbyfloat("h", "b", 0.5))), (2, 2.5))
        self.assertEqual(set(r.hrandfield("h", 3)), {"a", "b", "c"})
        self.assertEqual(len(r.hrandfield("h", 2, withvalues=True)), 2)

    def test_what_only_newer_servers_have(self):
        """The words that are sent, which this server may not know."""

        class Words(Commands):
            def execute_command(self, *args):
                return " ".join(map(str, args))

        r = Words()
        self.assertEqual(r.hexpire("h", 100, "a", "b", nx=True), "HEXPIRE h 100 NX FIELDS 2 a b")
        self.assertEqual(r.hpexpire("h", 50, "a", gt=True), "HPEXPIRE h 50 GT FIELDS 1 a")
        self.assertEqual(r.hexpireat("h", 50, "a"), "HEXPIREAT h 50 FIELDS 1 a")
        self.assertEqual(r.hpexpireat("h", 50, "a"), "HPEXPIREAT h 50 FIELDS 1 a")
        self.assertEqual(r.hpersist("h", "a"), "HPERSIST h FIELDS 1 a")
        self.assertEqual((r.httl("h", "a"), r.hpttl("h", "a")), ("HTTL h FIELDS 1 a", "HPTTL h FIELDS 1 a"))
        self.assertEqual((r.hexpiretime("h", "a"), r.hpexpiretime("h", "a")), ("HEXPIRETIME h FIELDS 1 a", "HPEXPIRETIME h FIELDS 1 a"))
        self.assertEqual(r.hgetdel("h", "a", "b"), "HGETDEL h FIELDS 2 a b")
        self.assertEqual(r.hgetex("h", "a", ex=5), "HGETEX h EX 5 FIELDS 1 a")
        self.assertEqual(r.hgetex("h", "a", persist=True), "HGETEX h PERSIST FIELDS 1 a")
        self.assertEqual(r.hscan("h", no_values=True), "HSCAN h 0 NOVALUES")
        self.assertEqual(r.zrank("z", "a", withscore=True), "ZRANK z a WITHSCORE")
        self.assertEqual(r.zrevrank("z", "a", True), "ZREVRANK z a WITHSCORE")
        self.assertEqual(r.restore("k", 0, "x", replace=True, idletime=5), "RESTORE k 0 x REPLACE IDLETIME 5")

    def test_sorted_sets(self):
        r = self.r
        self.assertEqual(r.zadd("z", {"a": 1, "b": 2, "c": 3, "d": 4}), 4)
        self.assertEqual(r.zadd("z", {"a": 0, "b": 9}, gt=True, ch=True), 1)
        self.assertEqual(r.zadd("z", {"b": -7}, incr=True), 2)
        self.assertEqual(r.zrangebyscore("z", 1, "+inf", start=1, num=2), ["b", "c"])
        self.assertEqual(r.zrangebyscore("z", 1, "(3", withscores=True), [["a", 1.0], ["b", 2.0]])
        self.assertEqual(r.zrevrangebyscore("z", 3, 1, 0, 1, True), [["c", 3.0]])
        self.assertEqual(r.zrange("z", 3, 2, desc=True, byscore=True, offset=0, num=1), ["c"])
        self.assertEqual(r.zrange("z", "[b", "(d", bylex=True), ["b", "c"])
        self.assertEqual(r.zrangebylex("z", "-", "+", start=0, num=1), ["a"])
        self.assertEqual(r.zrevrangebylex("z", "+", "[c"), ["d", "c"])
        self.assertEqual(r.zrevrange("z", 0, 0, withscores=True), [["d", 4.0]])
        self.assertEqual(r.zrangestore("part", "z", 2, 3, byscore=True), 2)
        self.assertEqual((r.zrank("z", "b"), r.zrevrank("z", "b"), r.zmscore("z", ["a", "x"])), (1, 2, [1.0, None]))
        self.assertEqual(len(r.zrandmember("z", 2, withscores=True)), 2)
        self.assertEqual(r.zunionstore("both", ["z", "part"]), 4)
        self.assertEqual(r.zscore("both", "b"), 4.0)
        self.assertEqual(r.zinterstore("both", {"z": 10, "part": 1}, aggregate="MAX"), 2)
        self.assertEqual(r.zscore("both", "c"), 30.0)
        self.assertEqual(r.zunion(["part"], withscores=True), [["b", 2.0], ["c", 3.0]])
        self.assertEqual(r.zinter({"z": 1, "part": 2}, aggregate="SUM", withscores=True), [["b", 6.0], ["c", 9.0]])
        self.assertEqual((r.zdiff(["z", "part"]), r.zdiffstore("left", ["z", "part"])), (["a", "d"], 2))
        self.assertEqual(r.zintercard(2, ["z", "part"], limit=1), 1)
        self.assertEqual(r.zmpop(1, ["z"], max=True), ["z", [["d", 4.0]]])
        self.assertEqual(r.bzmpop(1, 1, "z", min=True, count=1), ["z", [["a", 1.0]]])
        self.assertEqual((r.zpopmin("z"), r.zpopmax("z", 1)), ([["b", 2.0]], [["c", 3.0]]))
        self.assertEqual(r.bzpopmin(["z", "part"], timeout=1), ["part", "b", 2.0])
        self.assertEqual(r.bzpopmax("part", 1), ["part", "c", 3.0])

    def test_lists_and_sets(self):
        r = self.r
        r.rpush("l", "a", "b", "a", "c")
        self.assertEqual((r.lpos("l", "a", rank=2), r.lpos("l", "a", count=0), r.lpos("l", "c", maxlen=2)), (2, [0, 2], None))
        self.assertEqual(r.lmove("l", "m", "RIGHT", "LEFT"), "c")
        self.assertEqual(r.blmove("l", "m", 1, src="LEFT", dest="RIGHT"), "a")
        self.assertEqual(r.lrange("m", 0, -1), ["c", "a"])
        self.assertEqual(r.lmpop(2, "none", "l", direction="LEFT", count=2), ["l", ["b", "a"]])
        self.assertEqual(r.blmpop(1, 1, "m", direction="RIGHT"), ["m", ["a"]])
        self.assertEqual((r.blpop(["none", "m"], timeout=1), r.brpop("none", 0.01)), (["m", "c"], None))
        self.assertIsNone(r.brpoplpush("none", "m", timeout=0.01))
        r.sadd("s", "x", "y")
        self.assertEqual((len(r.srandmember("s", 5)), r.sintercard(1, ["s"], limit=1), len(r.spop("s", 2))), (2, 1, 2))

    def test_places(self):
        r = self.r
        self.assertEqual(r.geoadd("g", (13.4, 52.5, "Berlin", 10.0, 53.5, "Hamburg")), 2)
        self.assertEqual(r.geoadd("g", [13.5, 52.5, "Berlin"], xx=True, ch=True), 1)
        self.assertLess(float(r.geodist("g", "Berlin", "Hamburg", unit="km")), 300)
        self.assertEqual(r.geosearch("g", member="Berlin", radius=300, unit="km", sort="DESC"), ["Hamburg", "Berlin"])
        near = r.geosearch("g", longitude=13.4, latitude=52.5, width=50, height=50, unit="km", count=1, any=True, withdist=True)
        self.assertEqual([one["member"] for one in near], ["Berlin"])
        self.assertEqual(r.geosearchstore("to", "g", member="Berlin", radius=10, storedist=True), 1)

    def test_streams(self):
        r = self.r
        ids = [r.xadd("x", {"n": n}) for n in range(5)]
        r.xadd("x", {"n": 5}, id="*", maxlen=3, approximate=False)
        self.assertIsNone(r.xadd("none", {"n": 1}, nomkstream=True))
        self.assertEqual(r.xtrim("x", minid=ids[4], approximate=False), 1)
        self.assertEqual(r.xtrim("x", maxlen=1000, limit=10), 0)
        self.assertEqual(len(r.xrange("x", min=ids[4], count=1)), 1)
        self.assertEqual(len(r.xrevrange("x", count=5)), 2)
        self.assertEqual(len(r.xread({"x": ids[3]}, count=1, block=10)["x"]), 1)
        self.assertIs(r.xgroup_create("x", "g", id="0", mkstream=True, entries_read=0), True)
        self.assertIs(r.xgroup_setid("x", "g", "0", entries_read=0), True)
        self.assertEqual(len(r.xreadgroup("g", "one", {"x": ">"}, count=5)["x"]), 2)
        pending = r.xpending_range("x", "g", min="-", max="+", count=5, consumername="one", idle=0)
        self.assertEqual(len(pending), 2)
        self.assertEqual(r.xclaim("x", "g", "two", 0, [ids[4]], justid=True), [ids[4]])
        self.assertEqual(len(r.xautoclaim("x", "g", "three", 0, count=1)[1]), 1)
        self.assertIn("entries", r.xinfo_stream("x", full=True))

    def test_what_is_not_given_is_refused(self):
        r = self.r
        for wrong in (
            lambda: r.zrange("z", 0, -1, False, True, float),
            lambda: r.zrangebyscore("z", 0, 1, 0, 5, True, float),
            lambda: r.zrangebyscore("z", 0, 1, start=0),
            lambda: r.zrange("z", 0, 1, score_cast_func=int),
            lambda: r.sort("l", groups=True),
            lambda: r.georadius("g", 1, 2, 3, withdist=True),
            lambda: r.geosearch("g", radius=1),
            lambda: r.geosearch("g", member="m", width=1),
            lambda: r.geosearch("g", member="m", radius=1, any=True),
            lambda: r.zmpop(1, ["z"]),
            lambda: r.client_list(_type="normal"),
        ):
            with self.assertRaises(TypeError):
                wrong()


if __name__ == "__main__":
    unittest.main()

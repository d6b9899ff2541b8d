"""Commands, values, options, errors and response callbacks."""

import importlib
import os
import unittest

import rredis
from rredis import _values
from support import Case, client

# In the package `_ffi` is cffi's own object.
_ffi = importlib.import_module("rredis._ffi")


class Values(Case):
    def test_bytes_come_back_as_they_went(self):
        every = bytes(range(256)) * 3
        self.assertIs(self.r.set("k", every), True)
        self.assertEqual(self.r.get("k"), every)
        self.assertEqual(self.r.get(b"k"), every)
        self.assertIsNone(self.r.get("absent"))
        self.r.set("", "")
        self.assertEqual(self.r.get(""), b"")
        self.r.set("view", memoryview(b"abc"))
        self.assertEqual(self.r.get("view"), b"abc")
        self.r.set("text", "Grüße")
        self.assertEqual(self.r.get("text").decode(), "Grüße")

    def test_numbers(self):
        for number in (0, -1, 2**53 + 1, 2**63 - 1, -(2**63)):
            self.assertIs(self.r.set("n", number), True)
            self.assertEqual(self.r.get("n"), b"%d" % number)
        self.r.set("n", 2**63 - 2)
        self.assertEqual(self.r.incr("n"), 2**63 - 1)
        self.r.set("f", 0.1)
        self.assertEqual(float(self.r.get("f")), 0.1)
        for wrong in (None, True, [], object()):
            with self.assertRaises(rredis.DataError):
                self.r.set("k", wrong)

    def test_shapes(self):
        self.r.hset("h", mapping={"a": 1, "b": 2})
        self.assertEqual(self.r.hgetall("h"), {b"a": b"1", b"b": b"2"})
        self.r.sadd("s", "x", "y")
        self.assertEqual(self.r.smembers("s"), {b"x", b"y"})
        self.r.zadd("z", {"m": 1.5, "n": 2})
        self.assertEqual(self.r.zrange("z", 0, -1, withscores=True), [[b"m", 1.5], [b"n", 2.0]])
        self.assertEqual(self.r.mget("absent", "nor"), [None, None])
        self.r.rpush("l", *range(1000))
        self.assertEqual(self.r.lrange("l", 0, -1), [b"%d" % n for n in range(1000)])
        self.assertEqual(dict(self.r.hscan_iter("h")), {b"a": b"1", b"b": b"2"})
        self.assertEqual(set(self.r.scan_iter(match="[hsz]")), {b"h", b"s", b"z"})
        self.assertIn("redis_version", str(self.r.info("server")))
        self.assertEqual(self.r.config_get("maxmemory-policy"), {b"maxmemory-policy": b"noeviction"})
        self.assertIsNone(self.r.set("z2", 1, nx=True) and None)
        self.assertIsNone(self.r.set("z2", 1, nx=True))

    def test_the_extension_makes_what_python_makes(self):
        built = _values.native
        if built is None:
            self.assertNotEqual(os.environ.get("RREDIS_PYTHON"), "native")
            self.skipTest("without the extension there is nothing to compare")
        script = """local t = {1, 'text', false, {double = 1.5}, {map = {a = 1, b = {'x', 2}}}, {set = {x = true, y = true}},
          {big_number = '123456789012345678901234567890'}, {verbatim_string = {format = 'txt', string = 'verbatim'}},
          {err = 'MY own'}, true, {}, {map = {}}, 'Gr\\195\\188\\195\\159e', {1, {2, {3}}}, 5, 6, 7}
          redis.setresp(3) return t"""
        with client(protocol=3, shape="raw") as raw:
            frame = _ffi.take()
            argv, lens, keep = _ffi.fill(frame, ("EVAL", script, 0))
            lib = _ffi.lib
            self.assertEqual(lib.rredis_client_command(raw._handle, len(keep), argv, lens, frame.out, frame.err), 0)
            reply = frame.out[0]
            for decode in (None, "utf-8", "latin-1"):
                plain, fast = (_values.reader(decode, native=way)(reply) for way in (None, built))
                self.assertEqual(repr(plain), repr(fast))
                self.assertEqual([type(one) for one in plain], [type(one) for one in fast])
                for node in (reply.elements + at for at in range(reply.len)):
                    parts = [repr(_values.reader(decode, native=way)(node)) for way in (None, built)]
                    self.assertEqual(*parts)
            self.assertIn(123456789012345678901234567890, fast)
            with self.assertRaises(UnicodeDecodeError):
                _values.reader("ascii")(reply)
            lib.rredis_reply_free(reply)
            _ffi.give(frame)

    def test_keys_and_elements_without_a_hash(self):
        """A map by lists, and a set of lists: lists of pairs, and of elements."""
        lib, ffi = _ffi.lib, _ffi.ffi
        builder, out = lib.rredis_builder_new(), ffi.new("rredis_reply **")
        for kind in (lib.RREDIS_REPLY_ARRAY, lib.RREDIS_REPLY_MAP):
            lib.rredis_builder_open(builder, kind)
        for _ in range(2):
            lib.rredis_builder_open(builder, lib.RREDIS_REPLY_ARRAY)
            lib.rredis_builder_add_integer(builder, lib.RREDIS_REPLY_INTEGER, 7)
            lib.rredis_builder_end(builder)
        lib.rredis_builder_end(builder)
        lib.rredis_builder_open(builder, lib.RREDIS_REPLY_SET)
        lib.rredis_builder_open(builder, lib.RREDIS_REPLY_ARRAY)
        lib.rredis_builder_end(builder)
        lib.rredis_builder_end(builder)
        lib.rredis_builder_end(builder)
        self.assertEqual(lib.rredis_builder_take(builder, out, ffi.NULL), 0)
        self.assertEqual(_values.reader(None)(out[0]), [[([7], [7])], [[]]])
        lib.rredis_reply_free(out[0])
        lib.rredis_builder_free(builder)

    def test_many_arguments(self):
        keys = [f"k{n}" for n in range(500)]
        self.r.mset({key: key for key in keys})
        self.assertEqual(self.r.mget(keys), [key.encode() for key in keys])
        self.assertEqual(self.r.delete(*keys), 500)

    def test_a_reply_is_the_same_whole_and_in_parts(self):
        text = """local t = {}
            for i = 1, %d do
              t[#t + 1] = i; t[#t + 1] = ("x"):rep(i); t[#t + 1] = {i, "", {}, {"a", {i}}}; t[#t + 1] = false
              t[#t + 1] = {err = "ERR of mine"}; t[#t + 1] = {ok = "fine"}; t[#t + 1] = {double = i / 4}
              t[#t + 1] = {map = {a = i}}; t[#t + 1] = {set = {a = true}}; t[#t + 1] = {big_number = "12345678901234567890"}
            end
            redis.setresp(3)
            return t"""
        for options in ({}, {"decode_responses": True}, {"protocol": 2}):
            r = client(**options)
            one = repr(r.eval("redis.setresp(3) " + text % 1, 0))
            many = r.eval("redis.setresp(3) " + text % 3, 0)
            self.assertEqual(len(many), 30)
            # Below a length a reply is read node by node, and above it out of one copy.
            first = [r.eval("redis.setresp(3) " + (text % 1).replace("return t", f"return t[{at}]"), 0) for at in (1, 2, 3, 4, 6, 7, 8, 9, 10)]
            self.assertEqual(repr(many[:4] + many[5:10]), repr(first))
            self.assertIn("ERR of mine", str(many[4]))
            self.assertEqual(one, repr(many[:10]).replace("'xx'", "'x'"))
            r.close()

    def test_nested_to_the_limit(self):
        text = "local t = 1 for i = 1, 60 do t = {t} end return t"
        found = self.r.eval(text, 0)
        for _ in range(60):
            (found,) = found
        self.assertEqual(found, 1)


class Package(Case):
    def test_it_has_the_librarys_version(self):
        with open(os.path.join(os.path.dirname(__file__), "../pyproject.toml")) as package:
            self.assertIn(f'version = "{rredis.__version__}"', package.read())


class Decoded(Case):
    options = {"decode_responses": True}

    def test_text(self):
        self.r.hset("h", "ü", "ö")
        self.assertEqual(self.r.hgetall("h"), {"ü": "ö"})
        self.r.rpush("l", *map(str, range(20)))
        self.assertEqual(self.r.lrange("l", 0, -1), [str(n) for n in range(20)])

    def test_what_is_no_text_leaks_no_reply(self):
        self.r.set("k", b"\xff")
        for _ in range(3):
            with self.assertRaises(UnicodeDecodeError):
                self.r.get("k")
        self.assertIs(self.r.set("k", "right"), True)
        self.assertEqual(self.r.get("k"), "right")


class Errors(Case):
    def test_what_a_failure_tells(self):
        self.r.set("k", "text")
        with self.assertRaises(rredis.ResponseError) as caught:
            self.r.lpush("k", 1)
        error = caught.exception
        self.assertEqual((error.code, error.status, error.outcome), ("WRONGTYPE", rredis.Status.SERVER, rredis.Outcome.REFUSED))
        with self.assertRaises(rredis.DataError) as caught:
            self.r.select(1)
        self.assertEqual(caught.exception.status, rredis.Status.ARGUMENT)
        with self.assertRaises(rredis.NoScriptError):
            self.r.evalsha("0" * 40, 0)
        with self.assertRaises(rredis.TimeoutError) as caught:
            self.r.execute_command("BLPOP", "nothing", 0, timeout=0.02)
        self.assertEqual(caught.exception.outcome, rredis.Outcome.UNKNOWN)

    def test_nobody_listens(self):
        with self.assertRaises(rredis.ConnectionError) as caught:
            rredis.Redis(port=1, retry_max=0).get("k")
        self.assertEqual(caught.exception.outcome, rredis.Outcome.NOT_SENT)
        self.assertNotEqual(caught.exception.os_error, 0)

    def test_options(self):
        with self.assertRaises(rredis.ConfigError):
            rredis.from_url("http://127.0.0.1")
        with self.assertRaises(rredis.ConfigError):
            rredis.Redis(no_such_option=1)
        options = rredis.Options("redis://:secret@host:1/3", max_connections=7, socket_timeout=1.5, share="never")
        text = str(options)
        self.assertIn("pool_max=7", text)
        self.assertIn("command_timeout=1500ms", text)
        self.assertNotIn("secret", text)
        client(protocol=2).ping()

    def test_the_credentials_are_asked_for(self):
        asked = []

        def provider():
            asked.append(1)
            raise LookupError("no password today")

        with self.assertRaises(LookupError):
            client(credential_provider=provider, retry_max=0).get("k")
        self.assertTrue(asked)

    def test_events(self):
        seen = []
        with client(on_event=seen.append) as other:
            other.ping()
        self.assertEqual(seen[0][0], b"connected")

        def refuse(_event):
            raise KeyError("the event")

        with client(on_event=refuse) as other, self.assertRaises(KeyError):
            other.ping()


class Callbacks(Case):
    def test_what_it_gives_is_the_reply(self):
        self.r.set_response_callback("GET", lambda reply: ("seen", reply))
        self.r.set("k", "v")
        self.assertEqual(self.r.get("k"), ("seen", b"v"))
        self.assertEqual(self.r.pipeline().get("k").set("k", 1).execute(), [("seen", b"v"), True])
        self.assertEqual(self.r.pipeline(transaction=False).get("k").get("k").execute(), [("seen", b"1")] * 2)
        with self.r.connection() as connection:
            self.assertEqual(connection.get("k"), ("seen", b"1"))
        self.r.set_response_callback("GET", None)
        self.assertEqual(self.r.get("k"), b"1")

    def test_it_may_use_the_client(self):
        self.r.set_response_callback("GET", lambda reply: (reply, self.r.incr("asked")))
        self.r.set("k", "v")
        self.assertEqual([self.r.get("k") for _ in range(2)], [(b"v", 1), (b"v", 2)])

    def test_what_it_raises_is_raised_at_the_caller(self):
        class Mine(Exception):
            pass

        def refuse(_reply):
            raise Mine("not this")

        self.r.set_response_callback("GET", refuse)
        with self.assertRaises(Mine) as caught:
            self.r.get("k")
        self.assertEqual(caught.exception.rredis.status, rredis.Status.CALLBACK)
        self.assertEqual(caught.exception.rredis.outcome, rredis.Outcome.RAN)
        self.assertIn("not this", str(caught.exception.rredis))
        with self.assertRaises(Mine):
            self.r.pipeline().get("k").execute()
        replies = self.r.pipeline(transaction=False).get("k").ping().execute(raise_on_error=False)
        self.assertIsInstance(replies[0], Mine)
        self.r.set("k", 1)
        with self.assertRaises(Mine):
            self.r.transaction(lambda pipe: pipe.multi() or pipe.get("k"), "k")


class Servers(Case):
    def test_one_server_of_a_client(self):
        self.assertEqual(self.r.servers()[0][b"role"], b"primary")
        self.assertEqual(self.r.stat("connections_created") >= 1, True)
        self.assertIsNone(self.r.stat("failovers"))
        other = self.r.at(key="k")
        self.assertIs(other.set("k", 1), True)

    def test_urls_of_many_servers(self):
        for url, kind in (("redis+cluster://127.0.0.1:1", "+cluster"), ("redis+sentinel://127.0.0.1:1/main", "+sentinel")):
            self.assertIn(kind, str(rredis.Options(url)))
            with self.assertRaises(rredis.ConnectionError):
                rredis.from_url(url, retry_max=0, socket_timeout=0.5).get("k")


if __name__ == "__main__":
    unittest.main()

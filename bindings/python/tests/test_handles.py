"""Pipelines, transactions, subscribers, scripts, connections of one's own and transports."""

import importlib
import socket
import sys
import threading
import unittest
from unittest import mock

import rredis
from support import URL, Case, client, in_thread

# In the package `_ffi` is cffi's own object.
_ffi = importlib.import_module("rredis._ffi")


class Pipelines(Case):
    def test_replies_in_order(self):
        with self.r.pipeline() as pipe:
            self.assertEqual(pipe.set("k", 1).incr("k").get("k").execute(), [True, 2, b"2"])
            self.assertEqual((len(pipe), bool(pipe), pipe.execute()), (0, True, []))
        found = self.r.pipeline(transaction=False)
        for number in range(500):
            found.set(f"k{number}", number)
        self.assertEqual(found.execute(), [True] * 500)

    def test_an_error_among_them(self):
        pipe = self.r.pipeline(transaction=False).set("k", "text").incr("k").get("k")
        with self.assertRaises(rredis.ResponseError) as caught:
            pipe.execute()
        self.assertEqual(caught.exception.index, 1)
        replies = pipe.set("k", "text").incr("k").get("k").execute(raise_on_error=False)
        self.assertIsInstance(replies[1], rredis.ResponseError)
        self.assertEqual((replies[0], replies[2]), (True, b"text"))
        with self.assertRaises(rredis.ExecAbortError):
            self.r.pipeline().execute_command("NOSUCH").execute()

    def test_one_by_one(self):
        seen = []
        self.r.pipeline().set("k", 1).get("k").each(lambda *one: seen.append(one))
        self.assertEqual(seen, [(0, True), (1, b"1")])

        def refuse(_index, _reply):
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError) as caught:
            self.r.pipeline().get("k").get("k").each(refuse)
        self.assertEqual(caught.exception.rredis.outcome, rredis.Outcome.UNKNOWN)
        self.assertIs(self.r.ping(), True)

    def test_a_watched_key(self):
        self.r.set("k", 1)
        with self.r.pipeline() as pipe:
            pipe.watch("k")
            self.assertEqual(pipe.get("k"), b"1")
            pipe.multi()
            pipe.incr("k")
            self.assertEqual(pipe.execute(), [2])
            pipe.watch("k")
            self.r.set("k", 7)
            pipe.multi()
            pipe.incr("k")
            with self.assertRaises(rredis.WatchError):
                pipe.execute()
        self.assertEqual(self.r.get("k"), b"7")

    def test_a_transaction_is_tried_until_it_runs(self):
        self.r.set("k", 0)

        def add(pipe):
            now = int(pipe.get("k"))
            pipe.multi()
            pipe.set("k", now + 1)
            return now

        def work():
            for _ in range(50):
                self.r.transaction(add, "k")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.r.get("k"), b"200")
        self.assertEqual(self.r.transaction(add, "k", value_from_callable=True), 200)

    def test_what_a_transaction_raises(self):
        def refuse(pipe):
            pipe.multi()
            pipe.set("k", "never")
            raise LookupError("no")

        with self.assertRaises(LookupError) as caught:
            self.r.transaction(refuse, "k")
        self.assertEqual(caught.exception.rredis.status, rredis.Status.CALLBACK)
        self.assertIsNone(self.r.get("k"))
        self.r.set("k", "text")
        with self.assertRaises(rredis.ResponseError):
            self.r.transaction(lambda pipe: pipe.incr("k"), "k")


class Subscribers(Case):
    def test_messages(self):
        with self.r.pubsub() as sub:
            sub.subscribe("one", b"two")
            sub.psubscribe("t*")
            self.assertEqual(self.r.publish("one", "first"), 1)
            message = sub.get_message(timeout=5)
            self.assertEqual(message, {"type": "message", "pattern": None, "channel": b"one", "data": b"first"})
            self.r.publish("two", "second")
            self.assertEqual({sub.get_message(timeout=5)["type"] for _ in range(2)}, {"message", "pmessage"})
            self.assertIsNone(sub.get_message())
            sub.unsubscribe()
            sub.punsubscribe("t*")
            while self.r.publish("two", "nobody"):
                pass
            sub.ssubscribe("shard")
            while not self.r.execute_command("SPUBLISH", "shard", "third"):
                pass
            while (message := sub.get_message(timeout=5))["type"] != "smessage":
                pass
            self.assertEqual(message["data"], b"third")

    def test_handlers(self):
        seen = []
        with self.r.pubsub() as sub:
            sub.subscribe("plain", handled=seen.append)
            self.r.publish("handled", 1)
            self.r.publish("plain", 2)
            self.assertIsNone(sub.get_message(timeout=5))
            self.assertEqual(sub.get_message(timeout=5)["data"], b"2")
            self.assertEqual(seen[0]["data"], b"1")

            def refuse(_message):
                raise ZeroDivisionError

            sub.subscribe(handled=refuse)
            self.r.publish("handled", 3)
            with self.assertRaises(ZeroDivisionError):
                sub.get_message(timeout=5)

    def test_listening_ends_when_another_thread_says_so(self):
        sub = self.r.pubsub()
        sub.subscribe("c")
        heard = []
        thread = threading.Thread(target=lambda: heard.extend(sub.listen()))
        thread.start()
        self.r.publish("c", "x")
        while not heard:
            pass
        sub.wake()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        sub.close()

    def test_confirmations(self):
        with client(pubsub_confirmations=1) as other, other.pubsub() as sub:
            sub.subscribe("c")
            self.assertEqual(sub.get_message(timeout=5), {"type": "subscribe", "pattern": None, "channel": b"c", "data": 1})
            ignoring = other.pubsub(ignore_subscribe_messages=True)
            ignoring.subscribe("c", "d")
            self.r.publish("d", "x")
            self.assertEqual(ignoring.get_message(timeout=5)["data"], b"x")
            self.assertIsNone(ignoring.get_message(timeout=0.01))
            sub.subscribe("d")
            self.r.publish("d", "y")
            self.assertEqual(sub.get_message(ignore_subscribe_messages=True, timeout=5)["data"], b"y")
            self.assertEqual(other.pubsub(ignore_subscribe_messages=False).get_message(), None)
        with self.assertRaises(rredis.ConfigError):
            self.r.pubsub(ignore_subscribe_messages=False)


class Closing(Case):
    def handles(self):
        """Each kind, with a way to wait in it."""
        r, pipe, connection, sub = self.r, self.r.pipeline(transaction=False), self.r.connection(), self.r.pubsub()
        reading = self.r.pipeline()
        reading.watch("k")
        sub.subscribe("nothing")
        return {
            r: lambda: r.blpop("nothing"),
            pipe: lambda: pipe.blpop("nothing").execute(),
            reading: lambda: reading.blpop("nothing"),
            connection: lambda: connection.blpop("nothing"),
            sub: lambda: sub.get_message(timeout=None),
        }

    def blocked(self, other, count):
        while int(other.info("clients")["Clients"]["blocked_clients"]) < count:
            pass

    def test_it_ends_the_waits_of_other_threads_and_frees_nothing_under_them(self):
        with client(decode_responses=True) as other:
            handles = self.handles()
            running = [(handle, *in_thread(wait)) for handle, wait in handles.items()]
            self.blocked(other, 4)
            for handle, thread, ends in running:
                while thread.is_alive():
                    handle.close()
                    thread.join(0.01)
                self.assertIsInstance(ends[0], rredis.WokenError)
                for late in (handles[handle], handle.wake):
                    with self.assertRaises(rredis.StateError):
                        late()
                handle.close()
            self.assertIs(other.ping(), True)

    def test_a_function_of_its_call_may_close_it(self):
        self.r.set("k", "v")
        for close in ("client", "pipeline"):
            r = client()
            pipe = r.pipeline(transaction=False)
            r.set_response_callback("GET", lambda reply: ((r if close == "client" else pipe).close(), reply))
            self.assertEqual(pipe.get("k").get("k").execute(), [(None, b"v")] * 2)
            pipe = r.pipeline() if close == "pipeline" else pipe
            if close == "client":
                with self.assertRaises(rredis.StateError):
                    r.get("k")
            else:
                pipe.get("k").each(lambda *_: pipe.close())
                with self.assertRaises(rredis.StateError):
                    pipe.get("k")
                r.close()
        r = client()
        r.set_response_callback("GET", lambda reply: (r.close(), reply))
        self.assertEqual(r.get("k"), (None, b"v"))

    def test_one_thread_at_a_time(self):
        pipe, connection = self.r.pipeline(transaction=False), self.r.connection()
        waits = {pipe: lambda: pipe.blpop("nothing").execute(), connection: lambda: connection.blpop("nothing")}
        uses = {
            pipe: (pipe.reset, pipe.execute, pipe.ping, lambda: len(pipe), lambda: pipe.watch("k"), lambda: pipe.each(print)),
            connection: (connection.ping, connection.receive, lambda: connection.send("PING")),
        }
        for handle, wait in waits.items():
            thread, ends = in_thread(wait)
            self.blocked(client(decode_responses=True), 1)
            for use in uses[handle]:
                with self.assertRaises(rredis.StateError):
                    use()
            while thread.is_alive():
                handle.wake()
                thread.join(0.01)
            self.assertIsInstance(ends[0], rredis.WokenError)
        self.assertEqual(pipe.ping().execute(), [True])
        connection.close()


class Surfacing(Case):
    """What a receiver of events raises is raised where the call ends in which it happened, and nowhere else."""

    def setUp(self):
        super().setUp()
        self.fails = False
        self.other = client(on_event=self.event, on_push=self.event, retry_max=3)
        self.addCleanup(self.other.close)

    def event(self, event):
        if self.fails:
            raise KeyError(event[0])

    def lost(self):
        """All connections of the client are gone: the next call tells of it."""
        self.r.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.r.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    def raises(self, call, lost=True):
        if lost:
            self.lost()
        self.fails = True
        with self.assertRaises(KeyError) as caught, mock.patch.object(sys, "excepthook") as self.told:
            call()
        self.fails = False
        # Nothing is left for a later call.
        self.assertEqual(_ffi.raised, {})
        self.assertIs(self.other.ping(), True)
        return caught.exception

    def test_commands_and_handles(self):
        other = self.other
        pipe = other.pipeline()
        for call in (
            other.ping,
            other.connection,
            lambda: other.pubsub().subscribe("c"),
            lambda: other.pipeline().watch("k"),
            lambda: pipe.ping().execute(),
            lambda: pipe.ping().each(lambda *_: None),
            lambda: other.transaction(lambda pipe: None, "k"),
            other.register_script("return 1"),
        ):
            self.raises(call)
        self.assertEqual(self.raises(lambda: other.get("k") or other.ping()).rredis_reply, None)

    def test_what_has_arrived_is_given_by_the_next_call(self):
        with self.other.pubsub() as sub:
            sub.subscribe("c")
            self.assertIsNone(sub.get_message(timeout=0.01))

            def publish():
                while not self.r.publish("c", "x"):
                    pass

            self.lost()
            thread, _ends = in_thread(publish)
            self.raises(lambda: sub.get_message(timeout=5), lost=False)
            thread.join()
            # The gap arrived in the call that told of the connection.
            self.assertEqual(sub.get_message(timeout=0)["type"], "gap")
            self.assertEqual(sub.get_message(timeout=5)["data"], b"x")

    def test_none_is_left_for_a_later_call(self):
        # Two in one call, that the connection is lost and that there is another: one is raised, and the other is told.
        self.other.ping()
        self.assertEqual(str(self.raises(self.other.ping)), str(KeyError(b"lost")))
        self.assertEqual(str(self.told.call_args[0][1]), str(KeyError(b"connected")))

    def test_a_value_that_is_none_is_no_reason_to_keep_one(self):
        with client(on_event=self.event, decode_responses=True, encoding="ascii") as other:
            self.r.set("k", b"\xff")
            self.fails = True
            with self.assertRaises(KeyError) as caught:
                other.get("k")
            self.fails = False
            self.assertIsInstance(caught.exception.rredis, UnicodeDecodeError)
            self.assertIs(other.ping(), True)

    def test_the_close_of_a_stream_belongs_to_no_call(self):
        class Closed(Tcp):
            def connect(self, host, port, timeout):
                stream = super().connect(host, port, timeout)
                stream.close = lambda: stream.it.close() or [].pop()
                return stream

        with mock.patch.object(sys, "unraisablehook") as told:
            other = client(transport=Closed())
            other.ping()
            other.close()
            self.assertIsInstance(told.call_args[0][0].exc_value, IndexError)
            self.assertIs(self.r.ping(), True)
            # Nor to one that it is freed in, which raises its own.
            others = [client(transport=Closed())]
            others[0].ping()

            def event(event):
                if event[0] == b"lost":
                    raise KeyError
                others.clear()

            with client(on_event=lambda one: self.fails and event(one)) as other:
                other.ping()
                self.lost()
                self.fails = True
                with self.assertRaises(KeyError):
                    other.ping()
        self.assertEqual((told.call_count, others), (2, []))


class Results(Case):
    """A response callback's result is that of every call."""

    def setUp(self):
        super().setUp()
        self.r.set("k", "v")
        self.r.set_response_callback("GET", lambda reply: ("seen", reply))
        self.seen = ("seen", b"v")

    def test_of_a_client_of_one_server(self):
        at = self.r.at(key="k")
        self.assertEqual(at.get("k"), self.seen)
        at.set_response_callback("GET", None)
        self.assertEqual((at.get("k"), self.r.get("k")), (b"v", self.seen))

    def test_while_watching(self):
        with self.r.pipeline() as pipe:
            pipe.watch("k")
            self.assertEqual((pipe.get("k"), pipe.strlen("k")), (self.seen, 1))

    def test_one_by_one(self):
        found = []
        self.r.pipeline().get("k").strlen("k").get("k").each(lambda _at, reply: found.append(reply))
        self.assertEqual(found, [self.seen, 1, self.seen])

    def test_of_one_that_is_set_after_the_command_was_queued(self):
        pipe = self.r.pipeline(transaction=False).strlen("k").get("k").strlen("k")
        self.r.set_response_callback("STRLEN", lambda reply: -reply)
        self.assertEqual(pipe.execute(), [-1, self.seen, -1])


class Scripts(Case):
    def test_a_script(self):
        script = self.r.register_script("return {KEYS[1], ARGV[1], 2}")
        self.assertEqual(len(script.sha), 40)
        self.assertEqual(script(keys=["k"], args=["a"]), [b"k", b"a", 2])
        self.r.script_flush()
        self.assertEqual(script(keys=["k"], args=[1]), [b"k", b"1", 2])
        pipe = self.r.pipeline(transaction=False).set("k", 1)
        script(keys=["k"], args=["b"], client=pipe)
        self.assertEqual(pipe.get("k").execute(), [True, [b"k", b"b", 2], b"1"])
        broken = self.r.register_script("return redis.call('NOSUCH')")
        with self.assertRaises(rredis.ResponseError) as caught:
            broken()
        self.assertEqual(caught.exception.outcome, rredis.Outcome.UNKNOWN)


class Blame(Case):
    def test_a_failed_run_tells_which_command(self):
        with self.assertRaises(rredis.ExecAbortError) as caught:
            self.r.pipeline().ping().execute_command("NOSUCH").execute()
        self.assertEqual(caught.exception.index, 1)


class Connections(Case):
    def test_a_connection_of_ones_own(self):
        with self.r.connection() as connection:
            self.assertIs(connection.select(3), True)
            connection.set("elsewhere", 1)
            connection.send("GET", "elsewhere", more=True)
            self.assertGreater(connection.fileno(), 2)
            connection.send("NOSUCH")
            self.assertEqual(connection.receive(), b"1")
            self.assertIsInstance(connection.receive(timeout=5), rredis.ResponseError)
            with self.assertRaises(rredis.StateError):
                connection.receive(timeout=0)
            connection.delete("elsewhere")
        self.assertIsNone(self.r.get("elsewhere"))
        with self.r.connection() as monitor:
            monitor.execute_command("MONITOR")
            self.r.get("watched")
            while b"watched" not in (monitor.receive(timeout=5) or b"watched, in vain"):
                pass


class Tcp:
    """A transport over Python's own sockets."""

    def __init__(self, polled=False):
        self.polled = polled
        self.closed = 0
        self.moved = 0

    def connect(self, host, port, timeout):
        return Stream(self, socket.create_connection((host, port), timeout))


class Stream:
    def __init__(self, transport, it):
        self.transport, self.it = transport, it
        if transport.polled:
            self.fileno = it.fileno

    def _within(self, timeout, do, what):
        self.it.settimeout(timeout)
        try:
            return do(what)
        except (BlockingIOError, socket.timeout):
            return None

    def read(self, size, timeout):
        return self._within(timeout, self.it.recv, size)

    def write(self, data, timeout):
        self.transport.moved += len(data)
        return self._within(timeout, self.it.send, data)

    def close(self):
        self.transport.closed += 1
        self.it.close()


class Transports(Case):
    def test_a_transport_of_pythons(self):
        for polled in (False, True):
            transport = Tcp(polled)
            other = client(transport=transport)
            self.assertIs(other.set("k", b"x" * 100_000), True)
            self.assertEqual(len(other.get("k")), 100_000)
            self.assertGreater(transport.moved, 100_000)
            other.close()
            self.assertEqual(transport.closed, 1)

    def test_what_it_raises_is_raised_at_the_caller(self):
        class Broken:
            def connect(self, host, port, timeout):
                raise LookupError(host)

        with self.assertRaises(LookupError):
            client(transport=Broken(), retry_max=0).get("k")

    def test_an_error_of_the_systems_is_a_lost_connection(self):
        class Refused:
            def connect(self, host, port, timeout):
                raise ConnectionRefusedError(111, "refused")

        with self.assertRaises(rredis.ConnectionError) as caught:
            client(transport=Refused(), retry_max=0).get("k")
        self.assertEqual(caught.exception.outcome, rredis.Outcome.NOT_SENT)


if __name__ == "__main__":
    unittest.main()

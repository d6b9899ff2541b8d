"""Redis: one client for all threads, and what is made of it."""

import threading
from itertools import count

from . import commands
from ._ffi import CALLBACK, OK, fail as _give_up, ffi, fill, give, lib, on_error, raised, take, to_bytes
from ._handle import Handle, clients, freeing
from ._values import reader
from .exceptions import blame, check, fail, surfaced
from .options import Options

_command = lib.rredis_client_command
_command_with = lib.rredis_client_command_with
_free = lib.rredis_reply_free
_freed = freeing(lib.rredis_client_free)
RAW, IDEMPOTENT, NO_RETRY = lib.RREDIS_CALL_RAW, lib.RREDIS_CALL_IDEMPOTENT, lib.RREDIS_CALL_NO_RETRY
_TIMEOUT, _PRIMARY = lib.RREDIS_CALL_TIMEOUT, lib.RREDIS_CALL_PRIMARY

# What response callbacks of the program's gave, by the number that their call was given as call_data; by the thread, below 0,
# where a call cannot be given one.
results = {}
numbers = count(1).__next__
NOTHING = object()


def numbered(number):
    return ffi.cast("void *", number)


# Numbers that no call has now, each with the pointer that is its call_data: a queue takes many.
_spare = []


def spare():
    try:
        return _spare.pop()
    except IndexError:
        number = numbers()
        return number, numbered(number)


def mine():
    """What stands for this thread in `results`."""
    return -threading.get_ident()


@ffi.callback("rredis_callback_fn", error=CALLBACK, onerror=on_error)
def _response(user_data, call_data, _argc, _argv, _lens, reply, _out_reply, err):
    try:
        client, function = ffi.from_handle(user_data)
        result = function(client._value(reply))
        results[int(ffi.cast("uintptr_t", call_data)) if call_data else mine()] = result
        return OK
    except BaseException as exception:
        return _give_up(err, exception)


class Base(Handle):
    """A client of the library's and what its replies become; of Redis, and of that of rredis.asyncio."""

    def __init__(self, host=None, port=None, *, url=None, decode_responses=False, encoding="utf-8", **options):
        """Every option of the library is a keyword by its name in a URL, as pool_max; so are redis-py's names of them."""
        if isinstance(options.get("options"), Options):
            made = options["options"]
        else:
            made = Options(url, host=host, port=port, **options)
        frame = take()
        out = ffi.new("rredis_client **")
        check(lib.rredis_client_new(made.handle, out, frame.err), frame.err)
        give(frame)
        self._confirms = made.number("pubsub_confirmations")
        self._made_of(out[0], made.keep, encoding if decode_responses else None, {})

    def _made_of(self, client, keep, decode, callbacks):
        # Wherever it is read, `_handle` is one look-up away: it is what every command begins with.
        self._handle = ffi.gc(client, _freed)
        self._keep = keep
        self._decode = decode
        self._value = reader(decode)
        self._callbacks = callbacks
        clients.add(self)

    @staticmethod
    def _wake(handle):
        return lib.rredis_client_wake(handle, ffi.NULL)

    @classmethod
    def from_url(cls, url, **options):
        """redis://, rediss://, unix://, redis+cluster://, redis+sentinel://: see the header's rredis_options_set_url."""
        return cls(url=url, **options)

    def set_response_callback(self, command, callback):
        """What `callback` makes of each reply to a command is what its calls give. None: the library's own shape again."""
        name = to_bytes(command).upper()
        user_data = ffi.NULL
        if callback is not None:
            user_data = ffi.new_handle((self, callback))
            # One that another thread is just in is not taken from under it.
            self._keep.append(user_data)
            # A call has to be given a number before its callback is there, and as long as it is.
            self._callbacks[name] = callback
        frame = take()
        function = ffi.NULL if callback is None else _response
        status = lib.rredis_client_set_callback(
            self._handle, name, len(name), function, user_data, ffi.NULL, frame.err
        )
        if status or callback is None:
            self._callbacks.pop(name, None)
        check(status, frame.err)
        give(frame)

    def at(self, key=None, server=None):
        """A client of the one server that has a key's slot, or of this endpoint."""
        kind = lib.RREDIS_TARGET_SERVER if key is None else lib.RREDIS_TARGET_KEY
        target = to_bytes(server if key is None else key)
        frame, out = take(), ffi.new("rredis_client **")
        check(lib.rredis_client_new_at(self._handle, kind, target, len(target), out, frame.err), frame.err)
        give(frame)
        other = type(self).__new__(type(self))
        other._confirms = self._confirms
        other._made_of(out[0], self._keep, self._decode, dict(self._callbacks))
        return surfaced(other)

    def stat(self, name):
        """A statistic by its name, such as "retries" or "connections_idle"; None where it is not kept."""
        found = lib.rredis_client_stat(self._handle, getattr(lib, "RREDIS_STAT_" + name.upper()))
        return None if found < 0 else found

    def servers(self):
        """The servers, as the client knows them."""
        frame = take()
        check(lib.rredis_client_servers(self._handle, frame.out, frame.err), frame.err)
        return surfaced(self._taken(frame))

    def _taken(self, frame):
        reply = frame.out[0]
        try:
            return self._value(reply)
        except Exception as exception:
            blame(exception)
        finally:
            _free(reply)
            give(frame)


class Redis(Base, commands.Commands):
    """A client. Any number of threads may use it, and a child of fork may use its parent's."""

    def execute_command(self, *args, timeout=None, flags=0):
        """Send one command. `timeout` in seconds is for this call alone; `flags` are rredis_call's, or-ed."""
        if timeout is not None or flags or self._callbacks:
            return self._with(args, timeout, flags)
        frame = take()
        argv, lens, keep = fill(frame, args)
        if _command(self._handle, len(keep), argv, lens, frame.out, frame.err):
            fail(frame.err)
        reply = frame.out[0]
        try:
            value = self._value(reply)
        except Exception as exception:
            blame(exception)
        finally:
            _free(reply)
            give(frame)
        if raised:
            surfaced(value)
        return value

    def _with(self, args, timeout, flags):
        return self._called(args, timeout, flags, lambda *rest: _command_with(self._handle, *rest))

    def _called(self, args, timeout, flags, run):
        """A call that has flags, a time and a number of its own, by which its response callback's result is found."""
        milliseconds = 0
        if timeout is not None:
            flags |= _TIMEOUT
            milliseconds = -1 if timeout < 0 else int(timeout * 1000)
        number = numbers()
        frame = take()
        argv, lens, keep = fill(frame, args)
        try:
            if run(len(keep), argv, lens, flags, milliseconds, numbered(number), frame.out, frame.err):
                fail(frame.err)
            value = self._taken(frame)
        finally:
            result = results.pop(number, NOTHING)
        return surfaced(value if result is NOTHING else result)

    def wake(self):
        """End the calls of this client that wait in other threads: they raise WokenError. Gives their number."""
        return self._wake(self._handle)

    def pipeline(self, transaction=True):
        from .pipeline import Pipeline

        return Pipeline(self, transaction)

    def transaction(self, function, *watches, value_from_callable=False, timeout=-1):
        """Watch keys, let `function` read and queue, and run the queue: again, if another client changed a key."""
        from .pipeline import Pipeline, transact

        with Pipeline(self) as pipeline:
            return transact(pipeline, function, watches, value_from_callable, timeout)

    def pubsub(self, ignore_subscribe_messages=None):
        """A subscriber. Confirmations of subscriptions are given to clients that are made with pubsub_confirmations=1.

        With `ignore_subscribe_messages` they are not given to this one.
        """
        from .pubsub import PubSub

        return PubSub(self, ignore_subscribe_messages)

    def connection(self):
        """A connection for this caller alone, for what a pool cannot do: SELECT, MONITOR, CLIENT REPLY."""
        from .connection import Connection

        return Connection(self)

    def lock(self, name, timeout=None, sleep=0.1, blocking=True, blocking_timeout=None, thread_local=True):
        """A lock that processes share: `with r.lock("name", timeout=10)`."""
        from .lock import Lock

        return Lock(self, name, timeout, sleep, blocking, blocking_timeout, thread_local)

    def register_script(self, script):
        from .script import Script

        return Script(self, script)

    def scan_iter(self, match=None, count=None, _type=None):
        return _walked(lambda cursor: self.scan(cursor, match, count, _type))

    def hscan_iter(self, name, match=None, count=None, no_values=None):
        return _walked(lambda cursor: self.hscan(name, cursor, match, count, no_values))

    def sscan_iter(self, name, match=None, count=None):
        return _walked(lambda cursor: self.sscan(name, cursor, match, count))

    def zscan_iter(self, name, match=None, count=None):
        return _walked(lambda cursor: self.zscan(name, cursor, match, count))

    def close(self):
        """Free the client now, and not when nothing refers to it any more. Calls that wait in other threads raise WokenError."""
        self._close()

    def __enter__(self):
        return self

    def __exit__(self, *_how):
        self.close()


def _walked(ask):
    cursor = 0
    while True:
        cursor, found = ask(cursor)
        yield from found.items() if isinstance(found, dict) else found
        if cursor in (0, b"0", "0"):
            return

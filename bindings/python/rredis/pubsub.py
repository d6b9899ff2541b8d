"""Publish and subscribe."""

from . import commands
from ._ffi import AGAIN, ffi, fill, give, lib, take
from .exceptions import check, fail

_TOPICS = {"": lib.RREDIS_TOPIC_CHANNEL, "p": lib.RREDIS_TOPIC_PATTERN, "s": lib.RREDIS_TOPIC_SHARD}
_OF = {"message": "", "pmessage": "p", "smessage": "s"}


class Subscriptions:
    """Subscribing, and handlers by name; of PubSub, and of that of rredis.asyncio. Neither waits."""

    def __init__(self, client):
        frame, out = take(), ffi.new("rredis_pubsub **")
        check(lib.rredis_pubsub_new(client._handle, out, frame.err), frame.err)
        give(frame)
        self._client = client
        self._handle = ffi.gc(out[0], lib.rredis_pubsub_free)
        self._handlers = {}

    def subscribe(self, *names, **handlers):
        """Subscribe to channels. A keyword is a channel with the function that its messages are passed to."""
        self._subscribe("", names, handlers)

    def psubscribe(self, *names, **handlers):
        self._subscribe("p", names, handlers)

    def ssubscribe(self, *names, **handlers):
        self._subscribe("s", names, handlers)

    def _subscribe(self, topic, names, handlers):
        wanted = dict(handlers)
        plain = []
        for name in commands.listed(names):
            if isinstance(name, dict):
                wanted.update(name)
            elif isinstance(name, (list, tuple, set)):
                plain += name
            else:
                plain.append(name)
        for name, handler in wanted.items():
            self._handlers[topic, _text(name)] = handler
            plain.append(name)
        frame = take()
        argv, lens, keep = fill(frame, plain)
        if lib.rredis_pubsub_subscribe(self._handle, _TOPICS[topic], len(keep), argv, lens, frame.err):
            fail(frame.err)
        give(frame)

    def unsubscribe(self, *names):
        """Unsubscribe from channels; from all of them where none is named."""
        self._unsubscribe("", names)

    def punsubscribe(self, *names):
        self._unsubscribe("p", names)

    def sunsubscribe(self, *names):
        self._unsubscribe("s", names)

    def _unsubscribe(self, topic, names):
        frame = take()
        argv, lens, keep = fill(frame, commands.listed(names))
        check(lib.rredis_pubsub_unsubscribe(self._handle, _TOPICS[topic], len(keep), argv, lens, frame.err), frame.err)
        give(frame)

    def fileno(self):
        """Readable when `get_message(timeout=0)` has work: call it until it gives None before each wait."""
        return lib.rredis_pubsub_fd(self._handle)

    def wake(self):
        """End the wait of another thread: its get_message raises WokenError, and its listen ends."""
        lib.rredis_pubsub_wake(self._handle)

    def _next(self, milliseconds):
        """The next message, or None where none arrived."""
        frame = take()
        status = lib.rredis_pubsub_next(self._handle, milliseconds, frame.out, frame.err)
        if status == AGAIN:
            give(frame)
            return None
        if status:
            fail(frame.err)
        kind, pattern, channel, data = self._client._taken(frame)
        kind = kind if isinstance(kind, str) else kind.decode()
        return {"type": kind, "pattern": pattern, "channel": channel, "data": data}

    def _handler(self, message):
        topic = _OF.get(message["type"])
        if topic is None or not self._handlers:
            return None
        return self._handlers.get((topic, _text(message["pattern"] if topic == "p" else message["channel"])))

    def _end(self):
        handle, self._handle = self._handle, ffi.NULL
        if handle:
            ffi.release(handle)


class PubSub(Subscriptions):
    """A subscriber: one thread receives, any may subscribe. A lost connection is made again, and told as type "gap"."""

    def get_message(self, timeout=0.0):
        """The next message as a dict of type, pattern, channel and data; None if none came, or if a handler got it.

        `timeout` is in seconds; None waits for ever.
        """
        message = self._next(-1 if timeout is None else int(timeout * 1000))
        handler = message and self._handler(message)
        if handler is None:
            return message
        handler(message)
        return None

    def listen(self):
        """Messages, as they arrive, until `wake` or `close` of another thread."""
        from .exceptions import WokenError

        while True:
            try:
                message = self.get_message(timeout=None)
            except WokenError:
                return
            if message is not None:
                yield message

    def close(self):
        """Close the connection. No other thread may be waiting: `wake` ends its wait."""
        self._end()

    def __enter__(self):
        return self

    def __exit__(self, *_how):
        self.close()


def _text(name):
    return name if isinstance(name, bytes) else str(name).encode()

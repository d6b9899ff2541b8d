"""Publish and subscribe."""

import time

from . import commands
from ._ffi import AGAIN, ffi, fill, give, lib, raised, take
from ._handle import Handle, freeing
from .exceptions import ConfigError, StateError, WokenError, check, fail, surfaced

_freed = freeing(lib.rredis_pubsub_free)

_TOPICS = {"": lib.RREDIS_TOPIC_CHANNEL, "p": lib.RREDIS_TOPIC_PATTERN, "s": lib.RREDIS_TOPIC_SHARD}
_CONFIRMATIONS = frozenset(f"{topic}{word}" for topic in _TOPICS for word in ("subscribe", "unsubscribe"))
_OF = {"message": "", "pmessage": "p", "smessage": "s"}


class Subscriptions(Handle):
    """Subscribing, and handlers by name; of PubSub, and of that of rredis.asyncio."""

    def __init__(self, client, ignore_subscribe_messages=None):
        if ignore_subscribe_messages is not None and not ignore_subscribe_messages and not client._confirms:
            raise ConfigError("only a client that is made with pubsub_confirmations=1 has confirmations to give")
        frame, out = take(), ffi.new("rredis_pubsub **")
        check(lib.rredis_pubsub_new(client._handle, out, frame.err), frame.err)
        give(frame)
        self._client = client
        self._ignores = bool(ignore_subscribe_messages)
        self._handlers = {}
        self._kept = []
        self._handle = ffi.gc(out[0], _freed)

    @staticmethod
    def _wake(handle):
        lib.rredis_pubsub_wake(handle)

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
        surfaced()

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
        surfaced()

    def fileno(self):
        """Readable when `get_message(timeout=0)` has work: call it until it gives None before each wait."""
        return lib.rredis_pubsub_fd(self._handle)

    def wake(self):
        """End the wait of another thread: its get_message raises WokenError, and its listen ends."""
        self._wake(self._handle)

    def _next(self, milliseconds, ignores=False):
        """The next message, or None where none arrived."""
        ignores = ignores or self._ignores
        until = None if milliseconds <= 0 else time.monotonic() + milliseconds / 1000
        while True:
            message = self._any(milliseconds)
            if message is None or not ignores or message["type"] not in _CONFIRMATIONS:
                return message
            if until is not None:
                milliseconds = max(0, int((until - time.monotonic()) * 1000))

    def _any(self, milliseconds):
        if self._kept:
            return self._kept.pop()
        frame = take()
        status = lib.rredis_pubsub_next(self._handle, milliseconds, frame.out, frame.err)
        if status == AGAIN:
            give(frame)
            return surfaced()
        if status:
            fail(frame.err)
        kind, pattern, channel, data = self._client._taken(frame)
        kind = kind if isinstance(kind, str) else kind.decode()
        message = {"type": kind, "pattern": pattern, "channel": channel, "data": data}
        if raised:
            # The next call gives what this one cannot.
            self._kept.append(message)
            surfaced()
            self._kept.clear()
        return message

    def _handler(self, message):
        topic = _OF.get(message["type"])
        if topic is None or not self._handlers:
            return None
        return self._handlers.get((topic, _text(message["pattern"] if topic == "p" else message["channel"])))


class PubSub(Subscriptions):
    """A subscriber: one thread receives, any may subscribe. A lost connection is made again, and told as type "gap"."""

    def get_message(self, ignore_subscribe_messages=False, timeout=0.0):
        """The next message as a dict of type, pattern, channel and data; None if none came, or if a handler got it.

        `timeout` is in seconds; None waits for ever.
        """
        message = self._next(-1 if timeout is None else int(timeout * 1000), ignore_subscribe_messages)
        handler = message and self._handler(message)
        if handler is None:
            return message
        handler(message)
        return None

    def listen(self):
        """Messages, as they arrive, until `wake` or `close` of another thread."""
        while True:
            try:
                message = self.get_message(timeout=None)
            except (WokenError, StateError) as error:
                if isinstance(error, WokenError) or self._closed:
                    return
                raise
            if message is not None:
                yield message

    def close(self):
        """Close the connection. A wait in another thread ends as by `wake`."""
        self._close()

    def __enter__(self):
        return self

    def __exit__(self, *_how):
        self.close()


def _text(name):
    return name if isinstance(name, bytes) else str(name).encode()

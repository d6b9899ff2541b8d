"""The same client for asyncio: commands are awaited, and all that are asked for meanwhile go out together.

One connection serves the event loop. A command that blocks (BLPOP) has a connection of its own, which is closed if its task is
cancelled. Pipelines and transactions run on a thread of the loop's executor, and so does the first subscription.
"""

import asyncio
import types
from collections import deque

from . import commands
from ._ffi import AGAIN, CALLBACK, ffi, fill, give, lib, raised, refusal, take, threads
from ._handle import freeing
from .client import NOTHING, RAW, Base, numbers, results, _TIMEOUT
from .exceptions import NoScriptError, StateError, Status, failure, surfaced
from .lock import AsyncLock
from .pipeline import Pipeline as _Queue, transact
from .pubsub import Subscriptions
from .script import Script as _Script

_submit = lib.rredis_async_submit
_step = lib.rredis_async_step
_next = lib.rredis_async_next
_free = lib.rredis_reply_free
_cast = ffi.cast
_BUSY = lib.RREDIS_ERR_BUSY
# Only these are asked about: whether they block is in their arguments.
_BLOCKING = frozenset(
    b"BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN WAIT WAITAOF XREAD XREADGROUP".split()
)


class Reply(asyncio.Future):
    """The reply to a command that is on its way. It is a coroutine as well: what create_task and a TaskGroup take."""

    _steps = None

    def _begun(self):
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps

    def send(self, value):
        return self._begun().send(value)

    def throw(self, *exception):
        # Whoever is cancelled before its first step waits for it no more.
        self.cancel()
        return self._begun().throw(*exception)

    def close(self):
        self.cancel()


_freed = freeing(lib.rredis_async_free)


class _Line:
    """One rredis_async in the event loop."""

    def __init__(self, client, loop):
        self.client, self.loop = client, loop
        self.frame, self.data = take(), ffi.new("void **")
        out = ffi.new("rredis_async **")
        if lib.rredis_async_new(client._handle, out, self.frame.err):
            raise failure(self.frame.err)
        self.handle = ffi.gc(out[0], _freed)
        self.waiting = {}
        self.backlog = deque()
        self.soon = self.within = False
        self.fd = lib.rredis_async_fd(self.handle)
        loop.add_reader(self.fd, self.round)

    def submit(self, args, flags, milliseconds):
        future = Reply(loop=self.loop)
        if self.backlog:
            self.backlog.append((args, flags, milliseconds, future))
            return future
        self._submit(args, flags, milliseconds, future)
        return future

    def _submit(self, args, flags, milliseconds, future):
        frame = self.frame
        number = numbers()
        # The library copies the arguments, which are held until it has.
        argv, lens, keep = fill(frame, args)
        status = _submit(self.handle, len(keep), argv, lens, flags, milliseconds, _cast("void *", number), frame.err)
        if status == 0:
            self.waiting[number] = future
            if len(self.waiting) == 1 and not self.within:
                # Nobody else waits: the command need not wait for the others of this turn of the loop.
                try:
                    self.round()
                except Exception as exception:
                    # Of a receiver of events: as if the loop had called the round.
                    self.loop.call_exception_handler({"message": "a function of rredis raised", "exception": exception})
            elif not self.soon:
                self.soon = True
                self.loop.call_soon(self.round)
        elif status == _BUSY:
            self.backlog.appendleft((args, flags, milliseconds, future))
            return False
        else:
            future.set_exception(failure(frame.err))
        return True

    def round(self):
        """One step, and everything that has arrived: the loop waits again only when there is no more."""
        self.soon = False
        if self.handle is None or self.within:
            return
        # What is called back meanwhile may submit.
        self.within = True
        try:
            self._round()
        finally:
            self.within = False

    def _round(self):
        handle, frame, data, value = self.handle, self.frame, self.data, self.client._value
        err, out, waiting = frame.err, frame.out, self.waiting
        _step(handle, 1, err)
        # What is called back meanwhile may close the line.
        while self.handle is not None:
            data[0] = ffi.NULL
            status = _next(handle, out, data, err)
            if status == AGAIN:
                break
            number = int(_cast("uintptr_t", data[0]))
            future = waiting.pop(number, None)
            result = results.pop(number, NOTHING) if results else NOTHING
            if status:
                exception = failure(err)
                if status == CALLBACK:
                    exception = refusal() or exception
                if future is None:
                    # A connect that failed, which is tried again: the commands that it fails tell it themselves.
                    if status in (Status.FORKED, Status.PANIC):
                        self.end(exception)
                elif not future.done():
                    future.set_exception(exception)
                continue
            reply = out[0]
            try:
                if future is not None and not future.done():
                    future.set_result(value(reply) if result is NOTHING else result)
            except Exception as exception:
                future.set_exception(exception)
            finally:
                _free(reply)
        # First what waits: it waits for ever otherwise.
        while self.backlog:
            args, flags, milliseconds, future = self.backlog.popleft()
            if not future.done() and not self._submit(args, flags, milliseconds, future):
                break
        if raised:
            surfaced()

    def end(self, exception=None):
        """Close the connection: what still waits never completes otherwise."""
        handle, self.handle = self.handle, None
        if handle is None:
            return
        self.loop.remove_reader(self.fd)
        # A round that is under way has it still.
        del handle
        exception = exception or StateError("the client is closed")
        left = [*self.waiting.values(), *(future for *_rest, future in self.backlog)]
        self.waiting.clear()
        self.backlog.clear()
        for future in left:
            if not future.done():
                future.set_exception(exception)


class Redis(Base, commands.Commands):
    """A client of one event loop: the loop of its first command."""

    _line = None

    def execute_command(self, *args, timeout=None, flags=0):
        """Send one command, and give its reply to be awaited. `timeout` in seconds is for this command alone; `flags` are rredis_call's, or-ed."""
        milliseconds = 0
        if timeout is not None:
            flags |= _TIMEOUT
            milliseconds = -1 if timeout < 0 else int(timeout * 1000)
        word = args[0]
        if (word if type(word) is bytes else word.encode()).upper() in _BLOCKING and _waits(args):
            return self._alone(args, flags, milliseconds)
        line = self._line
        if line is None or line.handle is None:
            line = self._line = _Line(self, asyncio.get_running_loop())
        return line.submit(args, flags, milliseconds)

    async def _alone(self, args, flags, milliseconds):
        line = _Line(self, asyncio.get_running_loop())
        try:
            return await line.submit(args, flags, milliseconds)
        finally:
            line.end()

    def pipeline(self, transaction=True):
        return Pipeline(self, transaction)

    async def transaction(self, function, *watches, value_from_callable=False, timeout=-1):
        """As that of rredis.Redis, on a thread: `function` is called there, and is no coroutine."""
        with _Queue(self) as pipeline:
            return await _threaded(transact, pipeline, pipeline, function, watches, value_from_callable, timeout)

    def pubsub(self, ignore_subscribe_messages=None):
        return PubSub(self, ignore_subscribe_messages)

    def lock(self, name, timeout=None, sleep=0.1, blocking=True, blocking_timeout=None, thread_local=False):
        return AsyncLock(self, name, timeout, sleep, blocking, blocking_timeout, thread_local)

    def register_script(self, script):
        return Script(self, script)

    async def _scanned(self, ask):
        cursor = 0
        while True:
            cursor, found = await ask(cursor)
            for one in found.items() if isinstance(found, dict) else found:
                yield one
            if cursor in (0, b"0", "0"):
                return

    def scan_iter(self, match=None, count=None, _type=None):
        return self._scanned(lambda cursor: self.scan(cursor, match, count, _type))

    def hscan_iter(self, name, match=None, count=None, no_values=None):
        return self._scanned(lambda cursor: self.hscan(name, cursor, match, count, no_values))

    def sscan_iter(self, name, match=None, count=None):
        return self._scanned(lambda cursor: self.sscan(name, cursor, match, count))

    def zscan_iter(self, name, match=None, count=None):
        return self._scanned(lambda cursor: self.zscan(name, cursor, match, count))

    async def aclose(self):
        if self._line is not None:
            self._line.end()

    close = aclose

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_how):
        await self.aclose()


def _waits(args):
    frame, flags = take(), ffi.new("uint32_t *")
    argv, lens, keep = fill(frame, args)
    status = lib.rredis_command_flags(len(keep), argv, lens, flags, frame.err)
    give(frame)
    return status == 0 and flags[0] & lib.RREDIS_COMMAND_WAITS


async def _threaded(function, of, *args):
    """On a thread of the loop's executor. Whoever cancels it ends what waits there `of` a handle, and waits for its end."""
    running = asyncio.get_running_loop().run_in_executor(None, function, *args)
    cancelled = None
    while not running.done():
        try:
            await asyncio.wait([running], timeout=0.02 if cancelled else None)
        except asyncio.CancelledError as again:
            # However often it is told, the handle is in use until the thread has ended.
            cancelled = again
        if cancelled:
            of._end_waits()
    if cancelled:
        running.cancelled() or running.exception()
        raise cancelled
    return running.result()


async def _left(function, *args):
    """On a thread of the loop's executor, which is left to end by itself, within 100 ms, by whoever cancels it."""
    call = types.SimpleNamespace(given_up=False)

    def run():
        if call.given_up:
            return
        threads.call = call
        try:
            function(*args)
        finally:
            threads.call = None

    running = asyncio.get_running_loop().run_in_executor(None, run)
    try:
        await asyncio.wait([running])
    except asyncio.CancelledError:
        call.given_up = True
        running.add_done_callback(lambda it: it.cancelled() or it.exception())
        raise
    running.result()


class Pipeline(_Queue):
    """Queues at once; `execute`, `each` and `watch`, and reading while watching, are awaited."""

    def execute_command(self, *args):
        if self.watching and not self._explicit:
            return _threaded(super().execute_command, self, *args)
        return super().execute_command(*args)

    async def watch(self, *names):
        await _threaded(super().watch, self, *names)

    async def unwatch(self):
        self._reset()

    async def reset(self):
        self._reset()

    async def execute(self, raise_on_error=True, timeout=None):
        return await _threaded(super().execute, self, raise_on_error, timeout)

    async def each(self, function, timeout=None):
        """As that of rredis.Pipeline, on a thread: `function` is called there, and is no coroutine."""
        await _threaded(super().each, self, function, timeout)

    async def aclose(self):
        self._close()

    close = aclose

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_how):
        self._reset()


class Script(_Script):
    """Queued in a pipeline, or awaited."""

    def __call__(self, keys=(), args=(), client=None, timeout=None, flags=0):
        client = client if client is not None else self.registered_client
        if hasattr(client, "_add_script"):
            return super().__call__(keys, args, client)
        return self._run(client, commands.listed(keys), args, timeout, flags)

    async def _run(self, client, keys, args, timeout, flags):
        words = (len(keys), *keys, *args)
        of_many = client.stat("servers") is not None
        if of_many and not keys:
            # Any server may get it, and none can be asked afterwards whether it was the one.
            return await client.execute_command(b"EVAL", self.script, *words, timeout=timeout, flags=flags)
        try:
            return await client.execute_command(b"EVALSHA", self.sha, *words, timeout=timeout, flags=flags)
        except NoScriptError:
            if await self._exists(client, keys if of_many else ()):
                # The script has run, and said this itself.
                raise
        return await client.execute_command(b"EVAL", self.script, *words, timeout=timeout, flags=flags)

    async def _exists(self, client, keys):
        """Whether the server that was asked, that of the keys or the only one, has the script."""
        server = client.at(key=keys[0]) if keys else client
        try:
            return (await server.execute_command(b"SCRIPT", b"EXISTS", self.sha, flags=RAW))[0] == 1
        finally:
            if keys:
                await server.aclose()


class PubSub(Subscriptions):
    """A subscriber whose messages are awaited, or iterated over with `async for` of `listen`."""

    def __init__(self, client, ignore_subscribe_messages=None):
        super().__init__(client, ignore_subscribe_messages)
        self._loop = self._arrived = None

    def _readable(self):
        # Watched only while somebody waits: a descriptor that is readable would call this again and again.
        self._loop.remove_reader(self._fd)
        if not self._arrived.done():
            self._arrived.set_result(None)

    async def subscribe(self, *names, **handlers):
        """As that of rredis.PubSub. The first one connects. If it is cancelled, it may have subscribed or not."""
        await _left(self._subscribe, "", names, handlers)

    async def psubscribe(self, *names, **handlers):
        await _left(self._subscribe, "p", names, handlers)

    async def ssubscribe(self, *names, **handlers):
        await _left(self._subscribe, "s", names, handlers)

    async def unsubscribe(self, *names):
        self._unsubscribe("", names)

    async def punsubscribe(self, *names):
        self._unsubscribe("p", names)

    async def sunsubscribe(self, *names):
        self._unsubscribe("s", names)

    async def get_message(self, ignore_subscribe_messages=False, timeout=0.0):
        """The next message; None if none came within `timeout` seconds, or if a handler got it. None waits for ever."""
        loop = self._loop = asyncio.get_running_loop()
        limit = None if timeout is None else loop.time() + timeout
        while True:
            # Whatever is there is taken before each wait, and so the descriptor may be watched for edges alone.
            message = self._next(0, ignore_subscribe_messages)
            if message is not None:
                handler = self._handler(message)
                if handler is None:
                    return message
                result = handler(message)
                if asyncio.iscoroutine(result):
                    await result
                return None
            left = None if limit is None else limit - loop.time()
            if left is not None and left <= 0:
                return None
            self._fd, self._arrived = self.fileno(), loop.create_future()
            loop.add_reader(self._fd, self._readable)
            try:
                await asyncio.wait_for(self._arrived, left)
            except asyncio.TimeoutError:
                return None
            finally:
                if not self._closed:
                    loop.remove_reader(self._fd)

    async def listen(self):
        while True:
            message = await self.get_message(timeout=None)
            if message is not None:
                yield message

    async def aclose(self):
        if self._arrived is not None and not self._arrived.done():
            self._loop.remove_reader(self._fd)
            self._arrived.cancel()
        self._close()

    close = aclose

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_how):
        await self.aclose()


from_url = Redis.from_url

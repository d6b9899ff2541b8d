"""Pipelines and transactions."""

from . import commands
from ._ffi import OK, fail as _give_up, CALLBACK, ffi, fill, give, lib, on_error, take
from ._handle import Alone, freeing
from .client import NOTHING, _spare, mine, results, spare
from .commands import listed
from .exceptions import RedisError, blame, check, fail, surfaced

_freed = freeing(lib.rredis_pipeline_free)
_add = lib.rredis_pipeline_add_with


class Pipeline(Alone, commands.Commands):
    """Commands that are queued, and run in one burst by `execute`, as a transaction unless told otherwise."""

    def __init__(self, client, transaction=True):
        frame, out = take(), ffi.new("rredis_pipeline **")
        check(lib.rredis_pipeline_new(client._handle, out, frame.err), frame.err)
        give(frame)
        self._client = client
        self._own(transaction)
        self._have(ffi.gc(out[0], _freed))

    @staticmethod
    def _wake(handle):
        return lib.rredis_pipeline_wake(handle)

    def _own(self, transaction):
        self.transaction = transaction
        self.watching = False
        self._explicit = False
        self._numbers = []

    def execute_command(self, *args):
        """Queue a command; after `watch`, until `multi`, send it at once and give its reply."""
        frame = take()
        argv, lens, keep = fill(frame, args)
        if self.watching and not self._explicit:
            return self._at_once(frame, argv, lens, keep)
        try:
            number = _spare.pop()
        except IndexError:
            number = spare()
        turn = self._turn
        if not turn.acquire(False):
            turn.refuse()
        try:
            if _add(self._handle, len(keep), argv, lens, 0, number[1], frame.err):
                fail(frame.err)
            self._numbers.append(number)
        finally:
            turn.release()
        give(frame)
        return self

    def _at_once(self, frame, argv, lens, keep):
        try:
            with self._turn:
                if lib.rredis_pipeline_command(self._handle, len(keep), argv, lens, frame.out, frame.err):
                    fail(frame.err)
                value = self._client._taken(frame)
        finally:
            result = results.pop(mine(), NOTHING)
        return surfaced(value if result is NOTHING else result)

    def _add_script(self, script, keys, args):
        frame = take()
        argv, lens, keep = fill(frame, args)
        number = spare()
        with self._turn:
            status = lib.rredis_script_add_with(
                script._handle, self._handle, keys, len(keep), argv, lens, 0, number[1], frame.err
            )
            check(status, frame.err)
            self._numbers.append(number)
        give(frame)
        return self

    def __len__(self):
        with self._turn:
            return lib.rredis_pipeline_len(self._handle)

    def __bool__(self):
        return True

    def watch(self, *names):
        """Watch keys. Until `multi`, commands are sent at once, to read what the transaction depends on."""
        frame = take()
        argv, lens, keep = fill(frame, listed(names))
        with self._turn:
            if lib.rredis_pipeline_watch(self._handle, len(keep), argv, lens, frame.err):
                fail(frame.err)
            self.watching = True
        give(frame)
        surfaced()

    def multi(self):
        """Queue the commands that follow."""
        self._explicit = True

    def unwatch(self):
        self._reset()

    def reset(self):
        """Forget what is queued and watched."""
        self._reset()

    def _reset(self):
        with self._turn:
            # A function of the run may have closed it.
            handle = self.__dict__.get("_handle")
            if handle is not None:
                lib.rredis_pipeline_clear(handle)
            self._forget()

    def _forget(self):
        if results:
            for number, _pointer in self._numbers:
                results.pop(number, None)
        if len(_spare) < 4096:
            _spare.extend(self._numbers)
        self._own(self.transaction)

    def execute(self, raise_on_error=True, timeout=None):
        """The replies, in order. The first error among them is raised; with raise_on_error=False it is an element."""
        mode = lib.RREDIS_PIPELINE_ATOMIC if self.transaction or self.watching else lib.RREDIS_PIPELINE_PLAIN
        frame = take()
        with self._turn:
            try:
                replies = self._run(mode, timeout, frame)
            finally:
                # A run that was refused as it stood would otherwise be queued still.
                self._reset()
        surfaced(replies)
        if raise_on_error:
            for at, reply in enumerate(replies):
                if isinstance(reply, BaseException):
                    reply.index = at
                    raise reply
        return replies

    def _run(self, mode, timeout, frame):
        if timeout is None:
            status = lib.rredis_pipeline_run(self._handle, mode, frame.out, frame.err)
        else:
            milliseconds = int(timeout * 1000)
            status = lib.rredis_pipeline_run_with(
                self._handle, mode, lib.RREDIS_CALL_TIMEOUT, milliseconds, frame.out, frame.err
            )
        if status:
            # Which command could not be queued, or has no reply.
            index = lib.rredis_pipeline_failed(self.__dict__.get("_handle", ffi.NULL))
            try:
                fail(frame.err)
            except RedisError as exception:
                exception.index = None if index < 0 else index
                raise
        return self._replies(self._client._taken(frame))

    def _replies(self, replies):
        if results:
            for at, (number, _pointer) in enumerate(self._numbers):
                result = results.pop(number, NOTHING)
                if result is not NOTHING and at < len(replies):
                    replies[at] = result
        return replies

    def each(self, function, timeout=None):
        """Run without a transaction, and call function(index, reply) as replies arrive: none of them is kept."""
        handle = ffi.new_handle((self, function))
        flags, milliseconds = (0, 0) if timeout is None else (lib.RREDIS_CALL_TIMEOUT, int(timeout * 1000))
        frame = take()
        with self._turn:
            try:
                check(lib.rredis_pipeline_run_each(self._handle, flags, milliseconds, _each, handle, frame.err), frame.err)
            finally:
                self._reset()
        give(frame)
        surfaced()

    def wake(self):
        """End what waits for this pipeline in another thread."""
        return self._wake(self._handle)

    def close(self):
        """Free the pipeline. What waits for it in another thread raises WokenError."""
        self._close()

    def __enter__(self):
        return self

    def __exit__(self, *_how):
        self._reset()


@ffi.callback("rredis_each_fn", error=CALLBACK, onerror=on_error)
def _each(user_data, index, reply, err):
    try:
        pipeline, function = ffi.from_handle(user_data)
        result = results.pop(pipeline._numbers[index][0], NOTHING)
        function(index, pipeline._client._value(reply) if result is NOTHING else result)
        return OK
    except BaseException as exception:
        return _give_up(err, exception)


@ffi.callback("rredis_transaction_fn", error=CALLBACK, onerror=on_error)
def _try(user_data, _pipeline, err):
    tried = ffi.from_handle(user_data)
    pipeline = tried.pipeline
    try:
        pipeline._forget()
        pipeline.watching, tried.exception = True, None
        tried.value = tried.function(pipeline)
        return OK
    except RedisError as exception:
        # A connection that was lost in it is a reason to try again, and then nothing is raised.
        tried.exception = exception
        err.message = str(exception).encode(errors="replace")[:239]
        return CALLBACK
    except BaseException as exception:
        return _give_up(err, exception)


class _Tried:
    def __init__(self, pipeline, function):
        self.pipeline, self.function = pipeline, function
        self.value = self.exception = None


def transact(pipeline, function, watches, value_from_callable, timeout):
    client, tried = pipeline._client, _Tried(pipeline, function)
    handle = ffi.new_handle(tried)
    frame = take()
    argv, lens, keep = fill(frame, watches)
    milliseconds = -1 if timeout is None or timeout < 0 else int(timeout * 1000)
    with pipeline._turn:
        status = lib.rredis_pipeline_transact(
            pipeline._handle, len(keep), argv, lens, _try, handle, milliseconds, frame.out, frame.err
        )
        if status == CALLBACK and tried.exception is not None:
            blame(tried.exception)
        if status:
            fail(frame.err)
        replies = pipeline._replies(client._taken(frame))
    surfaced(tried.value if value_from_callable else replies)
    if value_from_callable:
        return tried.value
    for reply in replies:
        if isinstance(reply, BaseException):
            raise reply
    return replies

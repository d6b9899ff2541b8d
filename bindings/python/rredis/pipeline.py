"""Pipelines and transactions."""

from . import commands
from ._ffi import OK, fail as _give_up, CALLBACK, ffi, fill, give, lib, on_error, raised, take
from .client import NOTHING, numbered, numbers, results, surfaced
from .commands import listed
from .exceptions import RedisError, check, fail


class Pipeline(commands.Commands):
    """Commands that are queued, and run in one burst by `execute`, as a transaction unless told otherwise."""

    def __init__(self, client, transaction=True):
        frame, out = take(), ffi.new("rredis_pipeline **")
        check(lib.rredis_pipeline_new(client._handle, out, frame.err), frame.err)
        give(frame)
        self._client = client
        self._handle = ffi.gc(out[0], lib.rredis_pipeline_free)
        self._own(transaction)

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
            if lib.rredis_pipeline_command(self._handle, len(keep), argv, lens, frame.out, frame.err):
                fail(frame.err)
            return self._client._taken(frame)
        if self._client._callbacks:
            number = numbers()
            status = lib.rredis_pipeline_add_with(
                self._handle, len(keep), argv, lens, 0, numbered(number), frame.err
            )
        else:
            number = 0
            status = lib.rredis_pipeline_add(self._handle, len(keep), argv, lens, frame.err)
        check(status, frame.err)
        give(frame)
        self._numbers.append(number)
        return self

    def _add_script(self, script, keys, args):
        frame = take()
        argv, lens, keep = fill(frame, args)
        number = numbers()
        status = lib.rredis_script_add_with(
            script._handle, self._handle, keys, len(keep), argv, lens, 0, numbered(number), frame.err
        )
        check(status, frame.err)
        give(frame)
        self._numbers.append(number)
        return self

    def __len__(self):
        return lib.rredis_pipeline_len(self._handle)

    def __bool__(self):
        return True

    def watch(self, *names):
        """Watch keys. Until `multi`, commands are sent at once, to read what the transaction depends on."""
        frame = take()
        argv, lens, keep = fill(frame, listed(names))
        if lib.rredis_pipeline_watch(self._handle, len(keep), argv, lens, frame.err):
            fail(frame.err)
        give(frame)
        self.watching = True

    def multi(self):
        """Queue the commands that follow."""
        self._explicit = True

    def unwatch(self):
        self.reset()

    def reset(self):
        """Forget what is queued and watched."""
        lib.rredis_pipeline_clear(self._handle)
        self._forget()

    def _forget(self):
        for number in self._numbers:
            results.pop(number, None)
        self._own(self.transaction)

    def execute(self, raise_on_error=True, timeout=None):
        """The replies, in order. The first error among them is raised; with raise_on_error=False it is an element."""
        mode = lib.RREDIS_PIPELINE_ATOMIC if self.transaction or self.watching else lib.RREDIS_PIPELINE_PLAIN
        frame = take()
        try:
            if timeout is None:
                status = lib.rredis_pipeline_run(self._handle, mode, frame.out, frame.err)
            else:
                milliseconds = int(timeout * 1000)
                status = lib.rredis_pipeline_run_with(
                    self._handle, mode, lib.RREDIS_CALL_TIMEOUT, milliseconds, frame.out, frame.err
                )
            if status:
                # Which command could not be queued, or has no reply.
                index = lib.rredis_pipeline_failed(self._handle)
                try:
                    fail(frame.err)
                except RedisError as exception:
                    exception.index = None if index < 0 else index
                    raise
            replies = self._replies(self._client._taken(frame))
        finally:
            # A run that was refused as it stood would otherwise be queued still.
            self.reset()
        if raised:
            surfaced()
        if raise_on_error:
            for at, reply in enumerate(replies):
                if isinstance(reply, BaseException):
                    reply.index = at
                    raise reply
        return replies

    def _replies(self, replies):
        for at, number in enumerate(self._numbers):
            if number:
                result = results.pop(number, NOTHING)
                if result is not NOTHING and at < len(replies):
                    replies[at] = result
        return replies

    def each(self, function, timeout=None):
        """Run without a transaction, and call function(index, reply) as replies arrive: none of them is kept."""
        handle = ffi.new_handle((self._client, function))
        flags, milliseconds = (0, 0) if timeout is None else (lib.RREDIS_CALL_TIMEOUT, int(timeout * 1000))
        frame = take()
        try:
            check(lib.rredis_pipeline_run_each(self._handle, flags, milliseconds, _each, handle, frame.err), frame.err)
        finally:
            self._forget()
        give(frame)
        if raised:
            surfaced()

    def wake(self):
        """End what waits for this pipeline in another thread."""
        return lib.rredis_pipeline_wake(self._handle)

    def close(self):
        handle, self._handle = self._handle, ffi.NULL
        if handle:
            ffi.release(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_how):
        if self._handle:
            self.reset()


@ffi.callback("rredis_each_fn", error=CALLBACK, onerror=on_error)
def _each(user_data, index, reply, err):
    try:
        client, function = ffi.from_handle(user_data)
        function(index, client._value(reply))
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
    status = lib.rredis_pipeline_transact(
        pipeline._handle, len(keep), argv, lens, _try, handle, milliseconds, frame.out, frame.err
    )
    if status == CALLBACK and tried.exception is not None and not raised:
        raise tried.exception
    if status:
        fail(frame.err)
    replies = pipeline._replies(client._taken(frame))
    if raised:
        surfaced()
    if value_from_callable:
        return tried.value
    for reply in replies:
        if isinstance(reply, BaseException):
            raise reply
    return replies

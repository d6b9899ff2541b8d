"""One connection for a single owner."""

from . import commands
from ._ffi import AGAIN, ffi, fill, give, lib, take
from ._handle import Alone, freeing
from .client import NOTHING, numbered, numbers, results, _TIMEOUT
from .exceptions import check, fail, surfaced

_freed = freeing(lib.rredis_conn_free)


class Connection(Alone, commands.Commands):
    """Leased from the client's pool until `close`. A with statement closes it."""

    def __init__(self, client):
        frame, out = take(), ffi.new("rredis_conn **")
        if lib.rredis_conn_new(client._handle, out, frame.err):
            fail(frame.err)
        give(frame)
        self._client = client
        self._have(ffi.gc(out[0], _freed))
        surfaced()

    @staticmethod
    def _wake(handle):
        return lib.rredis_conn_wake(handle)

    def execute_command(self, *args, timeout=None, flags=0):
        number, milliseconds = numbers(), 0
        if timeout is not None:
            flags |= _TIMEOUT
            milliseconds = -1 if timeout < 0 else int(timeout * 1000)
        frame = take()
        argv, lens, keep = fill(frame, args)
        try:
            with self._turn:
                if lib.rredis_conn_command_with(
                    self._handle, len(keep), argv, lens, flags, milliseconds, numbered(number), frame.out, frame.err
                ):
                    fail(frame.err)
                value = self._client._taken(frame)
        finally:
            result = results.pop(number, NOTHING)
        return surfaced(value if result is NOTHING else result)

    def send(self, *args, more=False):
        """Send a command without waiting for its reply, which `receive` gives. With `more` the next `send` or `receive` writes it."""
        frame = take()
        argv, lens, keep = fill(frame, args)
        flags = lib.RREDIS_CALL_MORE if more else 0
        with self._turn:
            check(lib.rredis_conn_send_with(self._handle, len(keep), argv, lens, flags, frame.err), frame.err)
        give(frame)
        surfaced()

    def receive(self, timeout=None):
        """The next reply, push, or line of MONITOR. An error of the server's is an exception that is given, not raised.

        None where nothing arrived within `timeout` seconds; without one it waits for ever.
        """
        frame = take()
        milliseconds = -1 if timeout is None else int(timeout * 1000)
        with self._turn:
            status = lib.rredis_conn_receive(self._handle, milliseconds, frame.out, frame.err)
            if status == AGAIN:
                give(frame)
                return surfaced()
            check(status, frame.err)
            return surfaced(self._client._taken(frame))

    def fileno(self):
        """To be watched for reading: `receive(timeout=0)` until it gives None, or raises StateError, before each wait."""
        return lib.rredis_conn_fd(self._handle)

    def wake(self):
        """End what waits on this connection in another thread."""
        return self._wake(self._handle)

    def close(self):
        """Give the connection back to the pool, or close it if it is not as it was. A wait in another thread raises WokenError."""
        self._close()

    def __enter__(self):
        return self

    def __exit__(self, *_how):
        self.close()

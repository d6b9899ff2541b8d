"""What a call raises: the names of redis-py, and in each exception what the library says of the failure."""

from enum import IntEnum

from ._ffi import ending, ffi, lib, noted, raised, stay


def _names(kind, prefix):
    return {name[len(prefix) :]: value for value, name in ffi.typeof(kind).elements.items()}


Status = IntEnum("Status", {n.removeprefix("ERR_"): v for n, v in _names("rredis_status", "RREDIS_").items()})
Outcome = IntEnum("Outcome", _names("rredis_outcome", "RREDIS_OUTCOME_"))


class RedisError(Exception):
    """A failure: `status` and `outcome` (whether the command ran), `os_error` and `attempts`.

    `index`: of the command in a pipeline, from 0, where one is to blame.
    """

    status = None
    outcome = Outcome.NONE
    os_error = 0
    attempts = 0
    index = None


class DataError(RedisError):
    """An argument is wrong, or the command is for another handle."""

    status = Status.ARGUMENT


class StateError(RedisError):
    """The object is not in a state that allows the call."""


class ConfigError(RedisError, ValueError):
    """An option or a URL is wrong."""


class UnsupportedError(RedisError):
    """The library or the server does not support the request."""


class ConnectionError(RedisError):
    """No connection could be made, or it was lost."""


class TimeoutError(RedisError):
    """The deadline passed."""


class MaxConnectionsError(ConnectionError):
    """All connections stayed in use."""


class WokenError(RedisError):
    """Another thread ended the wait."""


class ForkedError(RedisError):
    """The object belongs to the parent process."""


class TLSError(ConnectionError):
    """TLS failed."""


class InvalidResponse(RedisError):
    """The peer does not speak RESP."""


class LimitError(InvalidResponse):
    """A reply exceeded a limit of the options."""


class AuthenticationError(ConnectionError):
    """The server refused the user name or the password."""


class ResponseError(RedisError):
    """The server answered with an error; `code` is its first word."""

    status = Status.SERVER

    @property
    def code(self):
        return str(self).partition(" ")[0]


class NoScriptError(ResponseError):
    """NOSCRIPT"""


class ReadOnlyError(ResponseError):
    """READONLY"""


class NoPermissionError(ResponseError):
    """NOPERM"""


class OutOfMemoryError(ResponseError):
    """OOM"""


class BusyLoadingError(ResponseError):
    """LOADING"""


class WatchError(RedisError):
    """A watched key changed: the transaction did not run."""


class ExecAbortError(ResponseError):
    """EXECABORT: the transaction did not run."""


class CallbackError(RedisError):
    """A function of the program's failed, and no exception of it is left to raise."""


class LockError(RedisError, ValueError):
    """A lock was not had, or is not held."""


class LockNotOwnedError(LockError):
    """A lock's time was over before it was released or extended."""


class LibraryError(RedisError):
    """A bug in librredis was caught, or there was no memory."""


_BY_STATUS = {
    Status.ARGUMENT: DataError,
    Status.STATE: StateError,
    Status.AGAIN: StateError,
    Status.CONFIG: ConfigError,
    Status.UNSUPPORTED: UnsupportedError,
    Status.CONNECT: ConnectionError,
    Status.IO: ConnectionError,
    Status.TIMEOUT: TimeoutError,
    Status.BUSY: MaxConnectionsError,
    Status.WOKEN: WokenError,
    Status.FORKED: ForkedError,
    Status.TLS: TLSError,
    Status.PROTOCOL: InvalidResponse,
    Status.LIMIT: LimitError,
    Status.AUTH: AuthenticationError,
    Status.WATCH: WatchError,
    Status.ABORTED: ExecAbortError,
    Status.CALLBACK: CallbackError,
}
_BY_CODE = {
    "NOSCRIPT": NoScriptError,
    "READONLY": ReadOnlyError,
    "NOPERM": NoPermissionError,
    "OOM": OutOfMemoryError,
    "LOADING": BusyLoadingError,
}


def server_error(text, outcome=Outcome.REFUSED):
    """The exception for a server's error, not raised: an element of a pipeline's replies."""
    exception = _BY_CODE.get(text.partition(" ")[0], ResponseError)(text)
    exception.outcome = outcome
    return exception


def failure(err):
    """The exception for an rredis_error."""
    status = err.status
    text = ffi.string(err.message).decode("utf-8", "replace")
    if status == Status.SERVER:
        exception = server_error(text)
    elif status == Status.MEMORY:
        exception = MemoryError(text)
    else:
        exception = _BY_STATUS.get(status, LibraryError)(text)
    try:
        exception.status, exception.outcome = Status(status), Outcome(err.outcome)
    except ValueError:
        exception.status, exception.outcome = status, err.outcome
    exception.os_error, exception.attempts = err.os_error, err.attempts
    return exception


def tell(exception, name, value):
    """An attribute of an exception of the program's, where it takes one."""
    try:
        setattr(exception, name, value)
    except AttributeError:
        pass


def blame(exception):
    """Raise what a call ends with. What a function of the program's raised meanwhile is raised itself."""
    original = noted() if raised else None
    if original is None or original is exception:
        raise exception
    tell(original, "rredis", exception)
    raise original


def fail(err):
    """Raise what a call failed with."""
    if ending:
        stay()
    blame(failure(err))


def surfaced(value=None):
    """The value of a call, or what a function that cannot fail its call raised meanwhile: a receiver of events.

    The value is then the exception's `rredis_reply`.
    """
    original = noted() if raised else None
    if original is None:
        return value
    tell(original, "rredis_reply", value)
    raise original


def check(status, err):
    if status:
        fail(err)

"""A transport of the program's, which carries the bytes of connections in place of sockets of the library.

    class Transport:
        def connect(self, host, port, timeout): ...   # a stream, within timeout seconds (None: any time)

    class Stream:
        def read(self, size, timeout): ...     # some bytes; b"" at the end; None: none within timeout
        def write(self, data, timeout): ...    # how many were written; None: none within timeout
        def close(self): ...
        def fileno(self): ...                  # optional: polled by the library, which then gives a timeout of 0
"""

from ._ffi import AGAIN, CALLBACK, OK, fail, ffi, lib, note, on_error

# Streams that are open, by the number that the library has for each.
_open = {}


def _limit(timeout_ms):
    return None if timeout_ms < 0 else timeout_ms / 1000


@ffi.callback("rredis_status(void *, const char *, size_t, int32_t, int64_t, void **, rredis_error *)", error=CALLBACK, onerror=on_error)
def _connect(user_data, host, host_len, port, timeout_ms, out_stream, err):
    try:
        transport = ffi.from_handle(user_data)
        stream = transport.connect(ffi.unpack(host, host_len).decode(), port, _limit(timeout_ms))
        handle = ffi.new_handle(stream)
        _open[handle] = stream
        out_stream[0] = handle
        return OK
    except OSError as exception:
        return _lost(err, exception)
    except BaseException as exception:
        return fail(err, exception)


def _lost(err, exception):
    # An error of the system's is the connection's end, as it is for a socket of the library's, and is told as that.
    err.message = f"{type(exception).__name__}: {exception}".encode(errors="replace")[:239]
    err.os_error = exception.errno or 0
    return lib.RREDIS_ERR_IO


@ffi.callback("rredis_status(void *, char *, size_t, int64_t, size_t *, rredis_error *)", error=CALLBACK, onerror=on_error)
def _read(stream, buffer, buffer_len, timeout_ms, out_len, err):
    try:
        data = ffi.from_handle(stream).read(buffer_len, _limit(timeout_ms))
        if data is None:
            return AGAIN
        ffi.memmove(buffer, data, len(data))
        out_len[0] = len(data)
        return OK
    except OSError as exception:
        return _lost(err, exception)
    except BaseException as exception:
        return fail(err, exception)


@ffi.callback("rredis_status(void *, const char *, size_t, int64_t, size_t *, rredis_error *)", error=CALLBACK, onerror=on_error)
def _write(stream, data, data_len, timeout_ms, out_len, err):
    try:
        count = ffi.from_handle(stream).write(ffi.unpack(data, data_len), _limit(timeout_ms))
        if count is None:
            return AGAIN
        out_len[0] = count
        return OK
    except OSError as exception:
        return _lost(err, exception)
    except BaseException as exception:
        return fail(err, exception)


@ffi.callback("void(void *)", onerror=on_error)
def _close(stream):
    opened = _open.pop(stream, None)
    try:
        if opened is not None:
            opened.close()
    except BaseException as exception:
        note(exception)


@ffi.callback("int32_t(void *)", error=-1, onerror=on_error)
def _fd(stream):
    fileno = getattr(ffi.from_handle(stream), "fileno", None)
    return -1 if fileno is None else fileno()


def struct(user_data):
    """The struct for a transport behind a handle of cffi's."""
    made = ffi.new("rredis_transport *")
    made.size = ffi.sizeof("rredis_transport")
    made.user_data = user_data
    made.connect, made.read, made.write, made.close, made.fd = _connect, _read, _write, _close, _fd
    return made

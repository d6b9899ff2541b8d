"""librredis itself: its declarations and its functions, read by cffi at run time. Nothing is compiled."""

import os
import sys
import threading
import time
from pathlib import Path

from cffi import FFI

_here = Path(__file__).resolve().parent


def _declarations():
    """The text of rredis.ffi.h: beside this file or in share/rredis of a folder above it or of a usual prefix."""
    places = [os.environ.get("RREDIS_FFI_H"), _here / "rredis.ffi.h"]
    above = [*_here.parents, Path(sys.prefix), Path("/usr/local"), Path("/usr")]
    places += [folder / "share/rredis/rredis.ffi.h" for folder in above]
    for place in filter(None, places):
        if os.path.exists(place):
            return Path(place).read_text()
    raise ImportError("rredis.ffi.h is not found: RREDIS_FFI_H may name it")


def _library():
    """RREDIS_LIBRARY, or the library in a lib folder above this file, or whichever the system finds."""
    named = os.environ.get("RREDIS_LIBRARY")
    if named:
        return named
    for above in _here.parents:
        for place in (above / "librredis.so.1", above / "lib/librredis.so.1"):
            if place.exists():
                return str(place)
    return "librredis.so.1"


ffi = FFI()
ffi.cdef(_declarations())
lib = ffi.dlopen(_library())
if lib.rredis_version_number() < lib.RREDIS_VERSION_OF_HEADER:
    raise ImportError("librredis is older than rredis.ffi.h")

OK = 0
AGAIN = lib.RREDIS_ERR_AGAIN
WOKEN = lib.RREDIS_ERR_WOKEN
CALLBACK = lib.RREDIS_ERR_CALLBACK

_ROOM = 32


class Frame:
    """Room for one call: its arguments, its reply and its error. A nested call has another."""

    __slots__ = ("argv", "lens", "out", "err")

    def __init__(self):
        self.argv = ffi.new("const char *[]", _ROOM)
        self.lens = ffi.new("size_t[]", _ROOM)
        self.out = ffi.new("rredis_reply **")
        self.err = ffi.new("rredis_error *")


_frames = []
# Set when the interpreter ends.
ending = []


def stay():
    """Go no further, in a daemon thread of a process that ends. Killed in a call, it would take the process with it."""
    while threading.current_thread().daemon:
        time.sleep(3600)


def take():
    """A frame that no other call uses. `_frames.append` gives it back."""
    if ending:
        stay()
    try:
        return _frames.pop()
    except IndexError:
        return Frame()


give = _frames.append
_buffer = ffi.from_buffer


def to_bytes(value):
    """What is sent for an argument: bytes as they are, text in UTF-8, a number in decimal."""
    kind = type(value)
    if kind is bytes:
        return value
    if kind is str:
        return value.encode()
    if kind is int:
        return b"%d" % value
    if kind is float:
        return repr(value).encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return str(value).encode()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return to_bytes(float(value) if isinstance(value, float) else int(value))
    from .exceptions import DataError

    raise DataError(f"an argument is {kind.__name__}, and has to be bytes, str, int or float")


def fill(frame, args):
    """Put the arguments into a frame. What comes back keeps their bytes where they are, and has to be held during the call."""
    count = len(args)
    if count <= _ROOM:
        argv, lens = frame.argv, frame.lens
    else:
        argv, lens = ffi.new("const char *[]", count), ffi.new("size_t[]", count)
    keep = []
    at = 0
    for value in args:
        if type(value) is not bytes:
            value = to_bytes(value)
        held = _buffer(value)
        argv[at] = held
        lens[at] = len(value)
        keep.append(held)
        at += 1
    return argv, lens, keep


# Exceptions of functions of the program's that the library called, by thread: raised again where its call ends.
# With each is whether it failed what called the function.
raised = {}


def note(exception, failed=False):
    """Keep an exception until the call of this thread that it happened in has ended."""
    raised.setdefault(threading.get_ident(), []).append((exception, failed))


def noted():
    """Take the exception that this thread's call is to raise, or None. Any others are printed: a call raises one."""
    mine = [exception for exception, _failed in raised.pop(threading.get_ident(), ())]
    if not mine:
        return None
    # Ctrl-C comes before what a receiver of events made of it.
    chosen = next((exception for exception in mine if not isinstance(exception, Exception)), mine[0])
    for exception in mine:
        if exception is not chosen:
            sys.excepthook(type(exception), exception, exception.__traceback__)
    return chosen


def refusal():
    """Take the oldest exception that failed something in this thread's call, as one reply of a pipeline. Or None."""
    mine = raised.get(threading.get_ident(), [])
    for at, (exception, failed) in enumerate(mine):
        if failed:
            del mine[at]
            if not mine:
                raised.pop(threading.get_ident(), None)
            return exception
    return None


def on_error(_kind, exception, _traceback):
    """What cffi calls for an exception that leaves a callback, KeyboardInterrupt before its first line too."""
    note(exception, failed=True)


def fail(err, exception):
    """End a callback with an exception: the library is told its text, and the caller of the call gets itself."""
    note(exception, failed=True)
    text = f"{type(exception).__name__}: {exception}".encode(errors="replace")[:239]
    err.message = text
    return CALLBACK


# `call`: what this thread does for an event loop, which may give it up.
threads = threading.local()


@ffi.callback("rredis_interrupt_fn", error=WOKEN, onerror=on_error)
def interrupted(_user_data):
    """Asked while a call waits. That it is Python lets the interpreter run its signal handlers, which raise here."""
    call = getattr(threads, "call", None)
    return WOKEN if ending or call is not None and call.given_up else OK

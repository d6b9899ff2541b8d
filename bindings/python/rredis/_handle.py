"""What objects with a handle of the library's have in common: how one is closed, and what the end of the process does."""

import _thread
import atexit
import os
import sys
import threading
import time
import weakref

from ._ffi import ending, raised, stay
from .exceptions import StateError, surfaced

_HERE = os.path.dirname(__file__) + os.sep
# All that there are.
clients = weakref.WeakSet()


def freeing(free):
    """What frees a handle: as `free` of the library's, which may close a stream of the program's."""

    def freed(handle, free=free, raised=raised, me=threading.get_ident):
        if not raised:
            free(handle)
            if raised:
                surfaced()
            return
        # Python may free it within another call, whose exceptions are that call's.
        others = raised.pop(me(), None)
        try:
            free(handle)
            surfaced()
        finally:
            if others is not None:
                raised[me()] = others

    return freed


class _Closed:
    """What `_handle` is where the object has none: closed."""

    def __get__(self, it, kind):
        raise StateError(f"the {kind.__name__} is closed")


class Handle:
    """An object with a handle of the library's, `_handle`.

    A call holds the handle, as an argument. So `close` only takes it away, and the last call that has it frees it.
    """

    _handle = _Closed()

    @staticmethod
    def _wake(handle):
        raise NotImplementedError

    def _end_waits(self):
        handle = self.__dict__.get("_handle")
        if handle is not None:
            self._wake(handle)

    def _close(self):
        """Take the handle away, and end the calls that wait with it."""
        handle = self.__dict__.pop("_handle", None)
        if handle is not None:
            self._wake(handle)

    @property
    def _closed(self):
        return "_handle" not in self.__dict__


class _Turn(_thread.RLock):
    """One thread at a time, and within its turn again. Another is refused: it is not kept waiting."""

    __slots__ = ()

    def refuse(self):
        raise StateError("another thread uses it")

    def __enter__(self):
        if not self.acquire(False):
            self.refuse()


class Alone(Handle):
    """An object that belongs to one thread at a time: what uses its handle does so within `_turn`. `wake` and `close` do not."""

    def _have(self, handle):
        self._turn, self._handle = _Turn(), handle


def _in_a_call(frame):
    """Whether a thread is in a call of this package, or in a function that such a call has called."""
    if frame.f_code is stay.__code__:
        return False
    while frame is not None:
        if frame.f_code.co_filename.startswith(_HERE):
            return True
        frame = frame.f_back
    return False


@atexit.register
def _end():
    """End the calls of daemon threads. The interpreter kills those threads wherever they are: in the library too."""
    ending.append(True)
    me, until = threading.get_ident(), time.monotonic() + 1
    # Whatever waits asks every 100 ms whether it is to go on, and is told that it is not. A client can be told at once.
    for client in list(clients):
        client._end_waits()
    while time.monotonic() < until and any(_in_a_call(frame) for ident, frame in sys._current_frames().items() if ident != me):
        time.sleep(0.005)

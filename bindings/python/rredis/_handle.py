"""What objects with a handle of the library's have in common: how one is closed, and what the end of the process does."""

import atexit
import sys
import threading
import time
import weakref

from ._ffi import ending, raised
from .exceptions import StateError, surfaced

_open = weakref.WeakSet()


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

    def _have(self, handle):
        self._handle = handle
        _open.add(self)

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


class _Turn:
    """One thread at a time, and within its turn again. Another is refused: it is not kept waiting."""

    __slots__ = ("acquire", "release")

    def __init__(self):
        lock = threading.RLock()
        self.acquire, self.release = lock.acquire, lock.release

    def refuse(self):
        raise StateError("another thread uses it")

    def __enter__(self):
        if not self.acquire(False):
            self.refuse()

    def __exit__(self, *_how):
        self.release()


class Alone(Handle):
    """An object that belongs to one thread at a time: what uses its handle does so within `_turn`. `wake` and `close` do not."""

    def _have(self, handle):
        self._turn = _Turn()
        super()._have(handle)


def _holders(it):
    handle = it.__dict__.get("_handle")
    return 0 if handle is None else sys.getrefcount(handle)


class _Probe(Handle):
    def __init__(self):
        self._handle = object()


# How many there are where no call has it: not the same in every Python.
_IDLE = _holders(_Probe())


def _waiting():
    """Whatever has a handle that a call holds."""
    while True:
        try:
            return [it for it in list(_open) if _holders(it) > _IDLE]
        except RuntimeError:
            # A thread made another meanwhile.
            continue


@atexit.register
def _end():
    """End the calls of daemon threads. The interpreter kills those threads wherever they are: in the library too."""
    ending.append(True)
    until = time.monotonic() + 1
    while len(sys._current_frames()) > 1 and time.monotonic() < until and (waiting := _waiting()):
        for it in waiting:
            it._end_waits()
        time.sleep(0.01)

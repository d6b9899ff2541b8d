"""Lua scripts, run by their digest."""

from ._ffi import ffi, fill, give, lib, take, to_bytes
from ._handle import freeing
from .commands import listed
from .exceptions import check

_freed = freeing(lib.rredis_script_free)


class Script:
    """A script, to be called with its keys and arguments: on its client, on another, or queued in a pipeline."""

    def __init__(self, client, script):
        self.registered_client = client
        self.script = script
        text = to_bytes(script)
        frame, out = take(), ffi.new("rredis_script **")
        check(lib.rredis_script_new(text, len(text), out, frame.err), frame.err)
        give(frame)
        self._handle = ffi.gc(out[0], _freed)
        self.sha = ffi.string(lib.rredis_script_sha(self._handle)).decode()

    def __call__(self, keys=(), args=(), client=None, timeout=None, flags=0):
        client = client if client is not None else self.registered_client
        keys = listed(keys)
        every = [*keys, *args]
        if hasattr(client, "_add_script"):
            return client._add_script(self, len(keys), every)

        def run(*rest):
            return lib.rredis_script_run_with(self._handle, client._handle, len(keys), *rest)

        return client._called(every, timeout, flags, run)

"""Locks that processes share: a key that is there while somebody holds it. By redis-py's names, of both kinds of client."""

import asyncio
import os
import threading
import time
import types

from ._ffi import lib, to_bytes
from .exceptions import LockError, LockNotOwnedError

# Taking a lock may run twice, and so it is tried again after a lost connection: whoever holds it already has got it.
_TAKE = """if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
local set
if ARGV[2] == '0' then set = redis.call('SET', KEYS[1], ARGV[1], 'NX')
else set = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) end
return set and 1 or 0"""
_LEAVE = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])"
_EXTEND = """if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local left = 0
if ARGV[3] == '0' then
  left = redis.call('PTTL', KEYS[1])
  if left < 0 then return 0 end
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2] + left)"""


class _Base:
    def __init__(
        self, client, name, timeout=None, sleep=0.1, blocking=True, blocking_timeout=None, thread_local=True
    ):
        """`timeout`: after so many seconds the lock is free again, whoever holds it. None: it is held until `release`.

        `sleep`: the pause between tries, in seconds. With `thread_local` another thread's `release` does not know this
        thread's lock.
        """
        if timeout is not None and timeout <= 0:
            raise LockError("a lock's timeout is more than 0 seconds")
        self.name, self.timeout, self.sleep = name, timeout, sleep
        self.blocking, self.blocking_timeout = blocking, blocking_timeout
        self.local = threading.local() if thread_local else types.SimpleNamespace()
        self.local.token = None
        self._client = client
        self._take, self._leave, self._extend = map(client.register_script, (_TAKE, _LEAVE, _EXTEND))

    def _milliseconds(self, seconds):
        return max(1, int(seconds * 1000))

    def _try(self, token):
        left = 0 if self.timeout is None else self._milliseconds(self.timeout)
        return self._take(keys=[self.name], args=[token, left], flags=lib.RREDIS_CALL_IDEMPOTENT)

    def _asked(self, blocking, blocking_timeout, token):
        """The token, and when to give up: at once, at a time, or never."""
        blocking = self.blocking if blocking is None else blocking
        limit = self.blocking_timeout if blocking_timeout is None else blocking_timeout
        token = os.urandom(16).hex().encode() if token is None else to_bytes(token)
        return token, 0 if not blocking else None if limit is None else time.monotonic() + limit

    def _given_up(self, until):
        return until is not None and time.monotonic() + self.sleep > until

    def _held(self):
        token = getattr(self.local, "token", None)
        if token is None:
            raise LockError("the lock is not held")
        return token

    def _check(self, done):
        if not done:
            raise LockNotOwnedError("the lock is no longer held by this caller")
        return True

    def _extending(self, additional_time, replace_ttl):
        token = self._held()
        if self.timeout is None:
            raise LockError("a lock without a timeout cannot be extended")
        return self._extend(keys=[self.name], args=[token, self._milliseconds(additional_time), int(bool(replace_ttl))])

    def _is_token(self, value):
        token = getattr(self.local, "token", None)
        return token is not None and value is not None and to_bytes(value) == token


class Lock(_Base):
    """A lock of a client: `with r.lock("name", timeout=10): ...`"""

    def acquire(self, blocking=None, blocking_timeout=None, token=None):
        """Take the lock, and tell whether it was had."""
        token, until = self._asked(blocking, blocking_timeout, token)
        while not self._try(token):
            if self._given_up(until):
                return False
            time.sleep(self.sleep)
        self.local.token = token
        return True

    def release(self):
        """Leave the lock. LockNotOwnedError: its time was over, and perhaps somebody else has it."""
        token, self.local.token = self._held(), None
        self._check(self._leave(keys=[self.name], args=[token]))

    def extend(self, additional_time, replace_ttl=False):
        """Hold the lock for so many seconds more, or with `replace_ttl` for so many from now."""
        return self._check(self._extending(additional_time, replace_ttl))

    def reacquire(self):
        """Hold the lock for all of its timeout from now."""
        return self.extend(self.timeout or 0, replace_ttl=True)

    def locked(self):
        """Whether anybody holds the lock."""
        return self._client.get(self.name) is not None

    def owned(self):
        """Whether this caller holds the lock."""
        return self._is_token(self._client.get(self.name))

    def __enter__(self):
        if not self.acquire():
            raise LockError("the lock was not free within its blocking_timeout")
        return self

    def __exit__(self, *_how):
        self.release()


class AsyncLock(_Base):
    """A lock of a client of rredis.asyncio: `async with r.lock("name", timeout=10): ...`"""

    def __init__(self, client, name, timeout=None, sleep=0.1, blocking=True, blocking_timeout=None, thread_local=False):
        super().__init__(client, name, timeout, sleep, blocking, blocking_timeout, thread_local)

    async def acquire(self, blocking=None, blocking_timeout=None, token=None):
        token, until = self._asked(blocking, blocking_timeout, token)
        while not await self._try(token):
            if self._given_up(until):
                return False
            await asyncio.sleep(self.sleep)
        self.local.token = token
        return True

    async def release(self):
        token, self.local.token = self._held(), None
        self._check(await self._leave(keys=[self.name], args=[token]))

    async def extend(self, additional_time, replace_ttl=False):
        return self._check(await self._extending(additional_time, replace_ttl))

    async def reacquire(self):
        return await self.extend(self.timeout or 0, replace_ttl=True)

    async def locked(self):
        return await self._client.get(self.name) is not None

    async def owned(self):
        return self._is_token(await self._client.get(self.name))

    async def __aenter__(self):
        if not await self.acquire():
            raise LockError("the lock was not free within its blocking_timeout")
        return self

    async def __aexit__(self, *_how):
        await self.release()

"""Commands as methods, by redis-py's names. What stands here takes options; every other command is found by its name.

`r.hgetall("key")` sends HGETALL, `r.config_get("*")` sends CONFIG GET. Lists among the arguments are sent one by one.
"""

import datetime

_CONTAINERS = frozenset(
    "acl client cluster command config debug function latency memory module object pubsub script slowlog xgroup xinfo".split()
)
_RENAMED = {"delete": ("DEL",)}


def listed(keys, args=()):
    """Keys that are given as a list, one by one, or both."""
    if isinstance(keys, (bytes, str, int, float, bytearray, memoryview)):
        return [keys, *args]
    return [*keys, *args]


def flat(args):
    """Lists, tuples and sets among the arguments as their elements, and a mapping as keys and values."""
    for arg in args:
        if isinstance(arg, dict):
            for pair in arg.items():
                yield from pair
        elif isinstance(arg, (list, tuple, set, frozenset)):
            yield from flat(arg)
        else:
            yield arg


def _seconds(value):
    return int(value.total_seconds()) if isinstance(value, datetime.timedelta) else value


def _milliseconds(value):
    return int(value.total_seconds() * 1000) if isinstance(value, datetime.timedelta) else value


def _at(value):
    return int(value.timestamp()) if isinstance(value, datetime.datetime) else value


def _at_milliseconds(value):
    return int(value.timestamp() * 1000) if isinstance(value, datetime.datetime) else value


def named(name):
    """The words of the command that a method's name stands for."""
    words = _RENAMED.get(name)
    if words is None:
        first, _, rest = name.partition("_")
        if rest and first in _CONTAINERS:
            words = (first.upper(), rest.replace("_", "-").upper())
        else:
            words = (name.upper(),)
        _RENAMED[name] = words
    return words


class Commands:
    """Whatever `execute_command` makes of a command: its reply, a place in a pipeline, something to await."""

    def execute_command(self, *args):
        raise NotImplementedError

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        words = named(name)

        def command(*args):
            return self.execute_command(*words, *flat(args))

        command.__name__ = name
        return command

    # Strings

    def get(self, name):
        return self.execute_command(b"GET", name)

    def set(
        self, name, value, ex=None, px=None, nx=False, xx=False, keepttl=False, get=False, exat=None, pxat=None
    ):
        if ex is None and px is None and not (nx or xx or keepttl or get) and exat is None and pxat is None:
            return self.execute_command(b"SET", name, value)
        args = [b"SET", name, value]
        if ex is not None:
            args += (b"EX", _seconds(ex))
        if px is not None:
            args += (b"PX", _milliseconds(px))
        if exat is not None:
            args += (b"EXAT", _at(exat))
        if pxat is not None:
            args += (b"PXAT", _at_milliseconds(pxat))
        for wanted, word in ((keepttl, b"KEEPTTL"), (nx, b"NX"), (xx, b"XX"), (get, b"GET")):
            if wanted:
                args.append(word)
        return self.execute_command(*args)

    def setex(self, name, time, value):
        return self.execute_command("SETEX", name, _seconds(time), value)

    def psetex(self, name, time_ms, value):
        return self.execute_command("PSETEX", name, _milliseconds(time_ms), value)

    def mget(self, keys, *args):
        return self.execute_command("MGET", *listed(keys, args))

    def mset(self, mapping):
        return self.execute_command("MSET", *flat((mapping,)))

    def msetnx(self, mapping):
        return self.execute_command("MSETNX", *flat((mapping,)))

    def incr(self, name, amount=1):
        return self.execute_command(b"INCRBY", name, amount)

    incrby = incr

    def decr(self, name, amount=1):
        return self.execute_command(b"DECRBY", name, amount)

    decrby = decr

    # Keys

    def expire(self, name, time, nx=False, xx=False, gt=False, lt=False):
        return self._expire("EXPIRE", name, _seconds(time), nx, xx, gt, lt)

    def pexpire(self, name, time, nx=False, xx=False, gt=False, lt=False):
        return self._expire("PEXPIRE", name, _milliseconds(time), nx, xx, gt, lt)

    def expireat(self, name, when, nx=False, xx=False, gt=False, lt=False):
        return self._expire("EXPIREAT", name, _at(when), nx, xx, gt, lt)

    def pexpireat(self, name, when, nx=False, xx=False, gt=False, lt=False):
        return self._expire("PEXPIREAT", name, _at_milliseconds(when), nx, xx, gt, lt)

    def _expire(self, command, name, time, nx, xx, gt, lt):
        words = [word for wanted, word in ((nx, "NX"), (xx, "XX"), (gt, "GT"), (lt, "LT")) if wanted]
        return self.execute_command(command, name, time, *words)

    def keys(self, pattern="*"):
        return self.execute_command("KEYS", pattern)

    def scan(self, cursor=0, match=None, count=None, _type=None):
        type_ = () if _type is None else ("TYPE", _type)
        return self.execute_command("SCAN", cursor, *_scanning(match, count), *type_)

    def hscan(self, name, cursor=0, match=None, count=None):
        return self.execute_command("HSCAN", name, cursor, *_scanning(match, count))

    def sscan(self, name, cursor=0, match=None, count=None):
        return self.execute_command("SSCAN", name, cursor, *_scanning(match, count))

    def zscan(self, name, cursor=0, match=None, count=None):
        return self.execute_command("ZSCAN", name, cursor, *_scanning(match, count))

    # Hashes and sorted sets

    def hset(self, name, key=None, value=None, mapping=None, items=None):
        args = [] if key is None else [key, value]
        args += flat((mapping or {}, items or []))
        return self.execute_command("HSET", name, *args)

    def hmget(self, name, keys, *args):
        return self.execute_command("HMGET", name, *listed(keys, args))

    def zadd(self, name, mapping, nx=False, xx=False, ch=False, incr=False, gt=False, lt=False):
        asked = ((nx, "NX"), (xx, "XX"), (gt, "GT"), (lt, "LT"), (ch, "CH"), (incr, "INCR"))
        args = [word for wanted, word in asked if wanted]
        for member, score in mapping.items():
            args += (score, member)
        return self.execute_command("ZADD", name, *args)

    def zrange(
        self, name, start, end, desc=False, withscores=False, byscore=False, bylex=False, offset=None, num=None
    ):
        asked = ((byscore, "BYSCORE"), (bylex, "BYLEX"), (desc, "REV"))
        args = [word for wanted, word in asked if wanted]
        if offset is not None and num is not None:
            args += ("LIMIT", offset, num)
        if withscores:
            args.append("WITHSCORES")
        return self.execute_command("ZRANGE", name, start, end, *args)

    def zrevrange(self, name, start, end, withscores=False):
        return self.execute_command("ZREVRANGE", name, start, end, *(("WITHSCORES",) if withscores else ()))

    def zincrby(self, name, amount, value):
        return self.execute_command("ZINCRBY", name, amount, value)

    # Lists

    def blpop(self, keys, timeout=0):
        return self.execute_command("BLPOP", *listed(keys), timeout or 0)

    def brpop(self, keys, timeout=0):
        return self.execute_command("BRPOP", *listed(keys), timeout or 0)

    def lpop(self, name, count=None):
        return self.execute_command("LPOP", name, *(() if count is None else (count,)))

    def rpop(self, name, count=None):
        return self.execute_command("RPOP", name, *(() if count is None else (count,)))

    # Streams

    def xadd(self, name, fields, id="*", maxlen=None, approximate=True, nomkstream=False, minid=None):
        args = ["NOMKSTREAM"] if nomkstream else []
        for word, bound in (("MAXLEN", maxlen), ("MINID", minid)):
            if bound is not None:
                args += (word, "~", bound) if approximate else (word, bound)
        return self.execute_command("XADD", name, *args, id, *flat((fields,)))

    def xread(self, streams, count=None, block=None):
        return self.execute_command("XREAD", *_reading(streams, count, block))

    def xreadgroup(self, groupname, consumername, streams, count=None, block=None, noack=False):
        args = _reading(streams, count, block, noack)
        return self.execute_command("XREADGROUP", "GROUP", groupname, consumername, *args)

    def xrange(self, name, min="-", max="+", count=None):
        return self.execute_command("XRANGE", name, min, max, *(() if count is None else ("COUNT", count)))

    def xrevrange(self, name, max="+", min="-", count=None):
        return self.execute_command("XREVRANGE", name, max, min, *(() if count is None else ("COUNT", count)))

    def xgroup_create(self, name, groupname, id="$", mkstream=False):
        args = ("MKSTREAM",) if mkstream else ()
        return self.execute_command("XGROUP", "CREATE", name, groupname, id, *args)

    # Scripts

    def eval(self, script, numkeys, *keys_and_args):
        return self.execute_command("EVAL", script, numkeys, *keys_and_args)

    def evalsha(self, sha, numkeys, *keys_and_args):
        return self.execute_command("EVALSHA", sha, numkeys, *keys_and_args)


def _scanning(match, count):
    if match is not None:
        yield from ("MATCH", match)
    if count is not None:
        yield from ("COUNT", count)


def _reading(streams, count, block, noack=False):
    if count is not None:
        yield from ("COUNT", count)
    if block is not None:
        yield from ("BLOCK", block)
    if noack:
        yield "NOACK"
    yield "STREAMS"
    yield from streams.keys()
    yield from streams.values()

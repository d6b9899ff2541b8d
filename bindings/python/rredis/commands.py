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


def _given(*options):
    """Words with their values, where a value is given, and words alone, where they are wanted."""
    for word, value in options:
        if value is True:
            yield word
        elif value is not None and value is not False:
            yield word
            yield value


def _limit(start, num):
    if (start is None) != (num is None):
        raise TypeError("a part of a range has both a start and a num")
    return () if start is None else ("LIMIT", start, num)


def _until(ex, px, exat, pxat, persist=False):
    return _given(
        ("EX", _seconds(ex)), ("PX", _milliseconds(px)), ("EXAT", _at(exat)), ("PXAT", _at_milliseconds(pxat)), ("PERSIST", bool(persist))
    )


def _fields(fields):
    fields = listed(fields)
    return ("FIELDS", len(fields), *fields)


def _weighed(keys, aggregate):
    """Keys with their number; those of a dict with their weights."""
    weights = ("WEIGHTS", *keys.values()) if isinstance(keys, dict) else ()
    keys = listed(keys)
    return (len(keys), *keys, *weights, *_given(("AGGREGATE", aggregate)))


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
        args = [b"SET", name, value, *_until(ex, px, exat, pxat)]
        for wanted, word in ((keepttl, b"KEEPTTL"), (nx, b"NX"), (xx, b"XX"), (get, b"GET")):
            if wanted:
                args.append(word)
        return self.execute_command(*args)

    def getex(self, name, ex=None, px=None, exat=None, pxat=None, persist=False):
        return self.execute_command("GETEX", name, *_until(ex, px, exat, pxat, persist))

    def bitcount(self, key, start=None, end=None, mode=None):
        return self.execute_command("BITCOUNT", key, *(word for word in (start, end, mode) if word is not None))

    def bitpos(self, key, bit, start=None, end=None, mode=None):
        return self.execute_command("BITPOS", key, bit, *(word for word in (start, end, mode) if word is not None))

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

    def incrbyfloat(self, name, amount=1.0):
        return self.execute_command("INCRBYFLOAT", name, amount)

    # Keys

    def copy(self, source, destination, destination_db=None, replace=False):
        return self.execute_command("COPY", source, destination, *_given(("DB", destination_db), ("REPLACE", bool(replace))))

    def restore(self, name, ttl, value, replace=False, absttl=False, idletime=None, frequency=None):
        options = (("REPLACE", bool(replace)), ("ABSTTL", bool(absttl)), ("IDLETIME", idletime), ("FREQ", frequency))
        return self.execute_command("RESTORE", name, ttl, value, *_given(*options))

    def sort(self, name, start=None, num=None, by=None, get=None, desc=False, alpha=False, store=None):
        return self._sort("SORT", name, start, num, by, get, desc, alpha, _given(("STORE", store)))

    def sort_ro(self, key, start=None, num=None, by=None, get=None, desc=False, alpha=False):
        return self._sort("SORT_RO", key, start, num, by, get, desc, alpha, ())

    def _sort(self, command, name, start, num, by, get, desc, alpha, store):
        args = [*_given(("BY", by)), *_limit(start, num)]
        for pattern in () if get is None else listed(get):
            args += ("GET", pattern)
        return self.execute_command(command, name, *args, *_given(("DESC", bool(desc)), ("ALPHA", bool(alpha))), *store)

    def memory_usage(self, key, samples=None):
        return self.execute_command("MEMORY", "USAGE", key, *_given(("SAMPLES", samples)))

    def flushdb(self, asynchronous=False):
        return self.execute_command("FLUSHDB", *_given(("ASYNC", bool(asynchronous))))

    def flushall(self, asynchronous=False):
        return self.execute_command("FLUSHALL", *_given(("ASYNC", bool(asynchronous))))

    def expire(self, name, time, nx=False, xx=False, gt=False, lt=False):
        return self._expire("EXPIRE", name, _seconds(time), nx, xx, gt, lt)

    def pexpire(self, name, time, nx=False, xx=False, gt=False, lt=False):
        return self._expire("PEXPIRE", name, _milliseconds(time), nx, xx, gt, lt)

    def expireat(self, name, when, nx=False, xx=False, gt=False, lt=False):
        return self._expire("EXPIREAT", name, _at(when), nx, xx, gt, lt)

    def pexpireat(self, name, when, nx=False, xx=False, gt=False, lt=False):
        return self._expire("PEXPIREAT", name, _at_milliseconds(when), nx, xx, gt, lt)

    def _expire(self, command, name, time, nx, xx, gt, lt, rest=()):
        words = [word for wanted, word in ((nx, "NX"), (xx, "XX"), (gt, "GT"), (lt, "LT")) if wanted]
        return self.execute_command(command, name, time, *words, *rest)

    def keys(self, pattern="*"):
        return self.execute_command("KEYS", pattern)

    def scan(self, cursor=0, match=None, count=None, _type=None):
        type_ = () if _type is None else ("TYPE", _type)
        return self.execute_command("SCAN", cursor, *_scanning(match, count), *type_)

    def hscan(self, name, cursor=0, match=None, count=None, no_values=None):
        return self.execute_command("HSCAN", name, cursor, *_scanning(match, count), *_given(("NOVALUES", bool(no_values))))

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

    def hincrby(self, name, key, amount=1):
        return self.execute_command("HINCRBY", name, key, amount)

    def hincrbyfloat(self, name, key, amount=1.0):
        return self.execute_command("HINCRBYFLOAT", name, key, amount)

    def hrandfield(self, key, count=None, withvalues=False):
        return self.execute_command("HRANDFIELD", key, *_counted(count), *_given(("WITHVALUES", bool(withvalues))))

    def hexpire(self, name, seconds, *fields, nx=False, xx=False, gt=False, lt=False):
        return self._expire("HEXPIRE", name, _seconds(seconds), nx, xx, gt, lt, _fields(fields))

    def hpexpire(self, name, milliseconds, *fields, nx=False, xx=False, gt=False, lt=False):
        return self._expire("HPEXPIRE", name, _milliseconds(milliseconds), nx, xx, gt, lt, _fields(fields))

    def hexpireat(self, name, unix_time_seconds, *fields, nx=False, xx=False, gt=False, lt=False):
        return self._expire("HEXPIREAT", name, _at(unix_time_seconds), nx, xx, gt, lt, _fields(fields))

    def hpexpireat(self, name, unix_time_milliseconds, *fields, nx=False, xx=False, gt=False, lt=False):
        return self._expire("HPEXPIREAT", name, _at_milliseconds(unix_time_milliseconds), nx, xx, gt, lt, _fields(fields))

    def hpersist(self, name, *fields):
        return self.execute_command("HPERSIST", name, *_fields(fields))

    def httl(self, key, *fields):
        return self.execute_command("HTTL", key, *_fields(fields))

    def hpttl(self, key, *fields):
        return self.execute_command("HPTTL", key, *_fields(fields))

    def hexpiretime(self, key, *fields):
        return self.execute_command("HEXPIRETIME", key, *_fields(fields))

    def hpexpiretime(self, key, *fields):
        return self.execute_command("HPEXPIRETIME", key, *_fields(fields))

    def hgetdel(self, name, *keys):
        return self.execute_command("HGETDEL", name, *_fields(keys))

    def hgetex(self, name, *keys, ex=None, px=None, exat=None, pxat=None, persist=False):
        return self.execute_command("HGETEX", name, *_until(ex, px, exat, pxat, persist), *_fields(keys))

    def zadd(self, name, mapping, nx=False, xx=False, ch=False, incr=False, gt=False, lt=False):
        asked = ((nx, "NX"), (xx, "XX"), (gt, "GT"), (lt, "LT"), (ch, "CH"), (incr, "INCR"))
        args = [word for wanted, word in asked if wanted]
        for member, score in mapping.items():
            args += (score, member)
        return self.execute_command("ZADD", name, *args)

    def zrange(
        self, name, start, end, desc=False, withscores=False, *, byscore=False, bylex=False, offset=None, num=None
    ):
        return self.execute_command("ZRANGE", name, start, end, *_ranging(byscore, bylex, desc, offset, num, withscores))

    def zrangestore(self, dest, name, start, end, byscore=False, bylex=False, desc=False, offset=None, num=None):
        options = _ranging(byscore, bylex, desc, offset, num, False)
        return self.execute_command("ZRANGESTORE", dest, name, start, end, *options)

    def zrevrange(self, name, start, end, withscores=False):
        return self.execute_command("ZREVRANGE", name, start, end, *_scores(withscores))

    def zrangebyscore(self, name, min, max, start=None, num=None, withscores=False):
        return self.execute_command("ZRANGEBYSCORE", name, min, max, *_scores(withscores), *_limit(start, num))

    def zrevrangebyscore(self, name, max, min, start=None, num=None, withscores=False):
        return self.execute_command("ZREVRANGEBYSCORE", name, max, min, *_scores(withscores), *_limit(start, num))

    def zrangebylex(self, name, min, max, start=None, num=None):
        return self.execute_command("ZRANGEBYLEX", name, min, max, *_limit(start, num))

    def zrevrangebylex(self, name, max, min, start=None, num=None):
        return self.execute_command("ZREVRANGEBYLEX", name, max, min, *_limit(start, num))

    def zrank(self, name, value, withscore=False):
        return self.execute_command("ZRANK", name, value, *_given(("WITHSCORE", bool(withscore))))

    def zrevrank(self, name, value, withscore=False):
        return self.execute_command("ZREVRANK", name, value, *_given(("WITHSCORE", bool(withscore))))

    def zmscore(self, key, members):
        return self.execute_command("ZMSCORE", key, *listed(members))

    def zrandmember(self, key, count=None, withscores=False):
        return self.execute_command("ZRANDMEMBER", key, *_counted(count), *_scores(withscores))

    def zpopmin(self, name, count=None):
        return self.execute_command("ZPOPMIN", name, *_counted(count))

    def zpopmax(self, name, count=None):
        return self.execute_command("ZPOPMAX", name, *_counted(count))

    def bzpopmin(self, keys, timeout=0):
        return self.execute_command("BZPOPMIN", *listed(keys), timeout or 0)

    def bzpopmax(self, keys, timeout=0):
        return self.execute_command("BZPOPMAX", *listed(keys), timeout or 0)

    def zmpop(self, num_keys, keys, min=False, max=False, count=1):
        return self.execute_command("ZMPOP", num_keys, *listed(keys), _end_of(min, max), "COUNT", count)

    def bzmpop(self, timeout, numkeys, keys, min=False, max=False, count=1):
        return self.execute_command("BZMPOP", timeout, numkeys, *listed(keys), _end_of(min, max), "COUNT", count)

    def zunion(self, keys, aggregate=None, withscores=False):
        return self.execute_command("ZUNION", *_weighed(keys, aggregate), *_scores(withscores))

    def zinter(self, keys, aggregate=None, withscores=False):
        return self.execute_command("ZINTER", *_weighed(keys, aggregate), *_scores(withscores))

    def zdiff(self, keys, withscores=False):
        return self.execute_command("ZDIFF", *_weighed(listed(keys), None), *_scores(withscores))

    def zunionstore(self, dest, keys, aggregate=None):
        return self.execute_command("ZUNIONSTORE", dest, *_weighed(keys, aggregate))

    def zinterstore(self, dest, keys, aggregate=None):
        return self.execute_command("ZINTERSTORE", dest, *_weighed(keys, aggregate))

    def zdiffstore(self, dest, keys):
        return self.execute_command("ZDIFFSTORE", dest, *_weighed(listed(keys), None))

    def zintercard(self, numkeys, keys, limit=0):
        return self.execute_command("ZINTERCARD", numkeys, *listed(keys), "LIMIT", limit)

    def zincrby(self, name, amount, value):
        return self.execute_command("ZINCRBY", name, amount, value)

    # Lists

    def blpop(self, keys, timeout=0):
        return self.execute_command("BLPOP", *listed(keys), timeout or 0)

    def brpop(self, keys, timeout=0):
        return self.execute_command("BRPOP", *listed(keys), timeout or 0)

    def brpoplpush(self, src, dst, timeout=0):
        return self.execute_command("BRPOPLPUSH", src, dst, timeout or 0)

    def lpop(self, name, count=None):
        return self.execute_command("LPOP", name, *_counted(count))

    def rpop(self, name, count=None):
        return self.execute_command("RPOP", name, *_counted(count))

    def lpos(self, name, value, rank=None, count=None, maxlen=None):
        return self.execute_command("LPOS", name, value, *_given(("RANK", rank), ("COUNT", count), ("MAXLEN", maxlen)))

    def lmove(self, first_list, second_list, src="LEFT", dest="RIGHT"):
        return self.execute_command("LMOVE", first_list, second_list, src, dest)

    def blmove(self, first_list, second_list, timeout, src="LEFT", dest="RIGHT"):
        return self.execute_command("BLMOVE", first_list, second_list, src, dest, timeout)

    def lmpop(self, num_keys, *args, direction, count=1):
        return self.execute_command("LMPOP", num_keys, *flat(args), direction, "COUNT", count)

    def blmpop(self, timeout, numkeys, *args, direction, count=1):
        return self.execute_command("BLMPOP", timeout, numkeys, *flat(args), direction, "COUNT", count)

    # Sets

    def spop(self, name, count=None):
        return self.execute_command("SPOP", name, *_counted(count))

    def srandmember(self, name, number=None):
        return self.execute_command("SRANDMEMBER", name, *_counted(number))

    def sintercard(self, numkeys, keys, limit=0):
        return self.execute_command("SINTERCARD", numkeys, *listed(keys), "LIMIT", limit)

    # Places

    def geoadd(self, name, values, nx=False, xx=False, ch=False):
        return self.execute_command("GEOADD", name, *_given(("NX", bool(nx)), ("XX", bool(xx)), ("CH", bool(ch))), *flat(values))

    def geodist(self, name, place1, place2, unit=None):
        return self.execute_command("GEODIST", name, place1, place2, *_counted(unit))

    def geosearch(
        self, name, member=None, longitude=None, latitude=None, unit="m", radius=None, width=None, height=None, sort=None,
        count=None, any=False, withcoord=False, withdist=False, withhash=False
    ):
        area = _area(member, longitude, latitude, unit, radius, width, height, sort, count, any)
        asked = (("WITHCOORD", bool(withcoord)), ("WITHDIST", bool(withdist)), ("WITHHASH", bool(withhash)))
        return self.execute_command("GEOSEARCH", name, *area, *_given(*asked))

    def geosearchstore(
        self, dest, name, member=None, longitude=None, latitude=None, unit="m", radius=None, width=None, height=None, sort=None,
        count=None, any=False, storedist=False
    ):
        area = _area(member, longitude, latitude, unit, radius, width, height, sort, count, any)
        return self.execute_command("GEOSEARCHSTORE", dest, name, *area, *_given(("STOREDIST", bool(storedist))))

    # Streams

    def xadd(self, name, fields, id="*", maxlen=None, approximate=True, nomkstream=False, minid=None, limit=None):
        args = ["NOMKSTREAM"] if nomkstream else []
        return self.execute_command("XADD", name, *args, *_trimming(maxlen, approximate, minid, limit), id, *flat((fields,)))

    def xtrim(self, name, maxlen=None, approximate=True, minid=None, limit=None):
        return self.execute_command("XTRIM", name, *_trimming(maxlen, approximate, minid, limit))

    def xread(self, streams, count=None, block=None):
        return self.execute_command("XREAD", *_reading(streams, count, block))

    def xreadgroup(self, groupname, consumername, streams, count=None, block=None, noack=False):
        args = _reading(streams, count, block, noack)
        return self.execute_command("XREADGROUP", "GROUP", groupname, consumername, *args)

    def xrange(self, name, min="-", max="+", count=None):
        return self.execute_command("XRANGE", name, min, max, *(() if count is None else ("COUNT", count)))

    def xrevrange(self, name, max="+", min="-", count=None):
        return self.execute_command("XREVRANGE", name, max, min, *(() if count is None else ("COUNT", count)))

    def xgroup_create(self, name, groupname, id="$", mkstream=False, entries_read=None):
        args = _given(("MKSTREAM", bool(mkstream)), ("ENTRIESREAD", entries_read))
        return self.execute_command("XGROUP", "CREATE", name, groupname, id, *args)

    def xgroup_setid(self, name, groupname, id, entries_read=None):
        return self.execute_command("XGROUP", "SETID", name, groupname, id, *_given(("ENTRIESREAD", entries_read)))

    def xinfo_stream(self, name, full=False):
        return self.execute_command("XINFO", "STREAM", name, *_given(("FULL", bool(full))))

    def xpending_range(self, name, groupname, min, max, count, consumername=None, idle=None):
        return self.execute_command("XPENDING", name, groupname, *_given(("IDLE", idle)), min, max, count, *_counted(consumername))

    def xclaim(
        self, name, groupname, consumername, min_idle_time, message_ids, idle=None, time=None, retrycount=None, force=False, justid=False
    ):
        options = (("IDLE", idle), ("TIME", time), ("RETRYCOUNT", retrycount), ("FORCE", bool(force)), ("JUSTID", bool(justid)))
        ids = listed(message_ids)
        return self.execute_command("XCLAIM", name, groupname, consumername, min_idle_time, *ids, *_given(*options))

    def xautoclaim(self, name, groupname, consumername, min_idle_time, start_id="0-0", count=None, justid=False):
        options = _given(("COUNT", count), ("JUSTID", bool(justid)))
        return self.execute_command("XAUTOCLAIM", name, groupname, consumername, min_idle_time, start_id, *options)

    # Scripts

    def eval(self, script, numkeys, *keys_and_args):
        return self.execute_command("EVAL", script, numkeys, *keys_and_args)

    def evalsha(self, sha, numkeys, *keys_and_args):
        return self.execute_command("EVALSHA", sha, numkeys, *keys_and_args)


def _counted(count):
    return () if count is None else (count,)


def _scores(wanted):
    return ("WITHSCORES",) if wanted else ()


def _end_of(min, max):
    if bool(min) == bool(max):
        raise TypeError("it is either of min and max")
    return "MIN" if min else "MAX"


def _ranging(byscore, bylex, desc, offset, num, withscores):
    asked = (("BYSCORE", bool(byscore)), ("BYLEX", bool(bylex)), ("REV", bool(desc)))
    return (*_given(*asked), *_limit(offset, num), *_scores(withscores))


def _trimming(maxlen, approximate, minid, limit):
    args = []
    for word, bound in (("MAXLEN", maxlen), ("MINID", minid)):
        if bound is not None:
            args += (word, "~", bound) if approximate else (word, bound)
    return (*args, *_given(("LIMIT", limit)))


def _area(member, longitude, latitude, unit, radius, width, height, sort, count, any):
    """From where, how far, in which order and how many."""
    if (longitude is None) != (latitude is None) or (member is None) == (longitude is None):
        raise TypeError("it is from a member, or from a longitude and a latitude")
    if (width is None) != (height is None) or (radius is None) == (width is None):
        raise TypeError("it is within a radius, or within a width and a height")
    args = ["FROMMEMBER", member] if longitude is None else ["FROMLONLAT", longitude, latitude]
    args += ("BYRADIUS", radius, unit) if width is None else ("BYBOX", width, height, unit)
    if any and count is None:
        raise TypeError("any is an option of count")
    return (*args, *_counted(sort), *_given(("COUNT", count), ("ANY", bool(any))))


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

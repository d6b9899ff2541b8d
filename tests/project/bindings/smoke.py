"""Python's ctypes: the functions that are needed, declared by hand.

python3 smoke.py LIBRARY HOST PORT
"""

import ctypes as c
import sys
import threading

RAW = 1
OK, ERR_ARGUMENT, ERR_SERVER = 0, 1, 31
REFUSED = 2
NULL, INTEGER, STRING, STATUS, MAP = 0, 1, 10, 11, 22
HOST, PORT = 1, 2


class Reply(c.Structure):
    pass


Reply._fields_ = [
    ("kind", c.c_int),
    ("reserved", c.c_uint32),
    ("len", c.c_size_t),
    ("str", c.c_void_p),
    ("elements", c.POINTER(Reply)),
    ("integer", c.c_int64),
    ("number", c.c_double),
]


class Error(c.Structure):
    _fields_ = [
        ("status", c.c_int),
        ("outcome", c.c_int),
        ("os_error", c.c_int32),
        ("attempts", c.c_int32),
        ("message", c.c_char * 240),
    ]


assert c.sizeof(Reply) == 48 and c.sizeof(Error) == 256

library = c.CDLL(sys.argv[1])
argv_t, lens_t = c.POINTER(c.c_char_p), c.POINTER(c.c_size_t)
reply_p, err_p, text = c.POINTER(Reply), c.POINTER(Error), c.c_char_p
callback_t = c.CFUNCTYPE(
    c.c_int, c.c_void_p, c.c_void_p, c.c_size_t, argv_t, lens_t, reply_p, c.POINTER(reply_p), err_p
)


def function(name, result, *arguments):
    found = getattr(library, name)
    found.restype, found.argtypes = result, arguments
    return found


options_new = function("rredis_options_new", c.c_void_p)
options_free = function("rredis_options_free", None, c.c_void_p)
set_str = function("rredis_options_set_str", c.c_int, c.c_void_p, c.c_int, text, c.c_size_t, err_p)
set_int = function("rredis_options_set_int", c.c_int, c.c_void_p, c.c_int, c.c_int64, err_p)
client_new = function("rredis_client_new", c.c_int, c.c_void_p, c.POINTER(c.c_void_p), err_p)
client_free = function("rredis_client_free", None, c.c_void_p)
command_with = function(
    "rredis_client_command_with", c.c_int, c.c_void_p, c.c_size_t, argv_t, lens_t, c.c_uint32, c.c_int64, c.c_void_p,
    c.POINTER(reply_p), err_p,
)
set_callback = function(
    "rredis_client_set_callback", c.c_int, c.c_void_p, text, c.c_size_t, callback_t, c.c_void_p, c.c_void_p, err_p
)
find = function("rredis_reply_find", reply_p, reply_p, text, c.c_size_t)
reply_free = function("rredis_reply_free", None, reply_p)


class Failure(Exception):
    def __init__(self, err):
        super().__init__(err.message.decode())
        self.status, self.outcome = err.status, err.outcome


def check(status, err):
    if status != OK:
        raise Failure(err)


def command(client, *args, flags=0, call_data=None):
    """The reply: on its way out of here it is the caller's to free."""
    err, reply = Error(), reply_p()
    argv = (c.c_char_p * len(args))(*args)
    lens = (c.c_size_t * len(args))(*map(len, args))
    check(command_with(client, len(args), argv, lens, flags, 0, call_data, c.byref(reply), c.byref(err)), err)
    return reply


def value(node):
    """What a node is, in Python's own words."""
    if node.kind == NULL:
        return None
    if node.kind == INTEGER:
        return node.integer
    if node.kind == MAP:
        items = [value(node.elements[i]) for i in range(node.len)]
        return dict(zip(items[::2], items[1::2]))
    return c.string_at(node.str, node.len)


def ask(client, *args, **how):
    reply = command(client, *args, **how)
    result = value(reply.contents)
    reply_free(reply)
    return result


def main():
    err, client = Error(), c.c_void_p()
    options, host = options_new(), sys.argv[2].encode()
    check(set_str(options, HOST, host, len(host), c.byref(err)), err)
    check(set_int(options, PORT, int(sys.argv[3]), c.byref(err)), err)
    check(client_new(options, c.byref(client), c.byref(err)), err)
    options_free(options)

    # SET and GET, of any bytes.
    assert ask(client, b"SET", b"py:key", b"a\0b\xff", flags=RAW) == b"OK"
    assert ask(client, b"GET", b"py:key") == b"a\0b\xff"
    assert ask(client, b"GET", b"py:absent") is None

    # A map, read in place.
    ask(client, b"DEL", b"py:hash")
    assert ask(client, b"HSET", b"py:hash", b"one", b"1", b"two", b"2") == 2
    reply = command(client, b"HGETALL", b"py:hash", flags=RAW)
    assert reply.contents.kind == MAP and value(reply.contents) == {b"one": b"1", b"two": b"2"}
    assert value(find(reply, b"two", 3).contents) == b"2"
    assert not find(reply, b"three", 5)
    reply_free(reply)

    # An error: what, in which words, and what became of the command.
    try:
        ask(client, b"INCR", b"py:hash")
        raise AssertionError("INCR of a hash")
    except Failure as failure:
        assert (failure.status, failure.outcome) == (ERR_SERVER, REFUSED)
        assert str(failure).startswith("WRONGTYPE ")
    try:
        ask(client, b"SELECT", b"1")
        raise AssertionError("SELECT on a client")
    except Failure as failure:
        assert failure.status == ERR_ARGUMENT and "option database" in str(failure)

    # A function of Python's, with call_data that comes back as it went in.
    seen = []

    @callback_t
    def note(_user_data, call_data, argc, argv, lens, reply, _out_reply, _err):
        seen.append((call_data, argc, value(reply.contents)))
        return OK

    check(set_callback(client, b"get", 3, note, None, None, c.byref(err)), err)
    assert ask(client, b"GET", b"py:key", call_data=4711) == b"a\0b\xff"
    assert seen == [(4711, 2, b"a\0b\xff")]
    check(set_callback(client, b"GET", 3, callback_t(), None, None, c.byref(err)), err)

    # Threads of Python's, one client.
    wrong = []

    def work(number):
        key = b"py:thread:%d" % number
        for i in range(100):
            ask(client, b"SET", key, b"%d" % i)
            if ask(client, b"GET", key) != b"%d" % i:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    client_free(client)


main()

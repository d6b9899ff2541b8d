"""os.fork under ctypes: eight children beside a parent whose threads are busy, each with connections of its own.

python3 fork.py LIBRARY HOST PORT
"""

import ctypes as c
import os
import sys
import threading

library = c.CDLL(sys.argv[1])
library.rredis_options_new.restype = c.c_void_p
options = c.c_void_p(library.rredis_options_new())
url = b"redis://%s:%s?pool_max=2" % (sys.argv[2].encode(), sys.argv[3].encode())
assert library.rredis_options_set_url(options, url, c.c_size_t(len(url)), None) == 0
client = c.c_void_p()
assert library.rredis_client_new(options, c.byref(client), None) == 0
library.rredis_options_free(options)


class Reply(c.Structure):
    _fields_ = [
        ("kind", c.c_int),
        ("reserved", c.c_uint32),
        ("len", c.c_size_t),
        ("str", c.c_void_p),
        ("elements", c.c_void_p),
        ("integer", c.c_int64),
        ("number", c.c_double),
    ]


def incr(key):
    reply = c.POINTER(Reply)()
    argv = (c.c_char_p * 2)(b"INCR", key.encode())
    assert library.rredis_client_command(client, c.c_size_t(2), argv, None, c.byref(reply), None) == 0
    value = reply.contents.integer
    library.rredis_reply_free(reply)
    return value


def count(key, stop, faults):
    number = 0
    while not stop.is_set():
        number += 1
        if incr(key) != number:
            faults.append(key)


stop, faults = threading.Event(), []
threads = [threading.Thread(target=count, args=(f"parent:{n}", stop, faults)) for n in range(4)]
for thread in threads:
    thread.start()
children = []
for n in range(8):
    child = os.fork()
    if child == 0:
        right = all(incr(f"child:{n}") == number for number in range(1, 201))
        library.rredis_client_free(client)
        os._exit(0 if right else 1)
    children.append(child)
for child in children:
    assert os.waitpid(child, 0)[1] == 0, "a child failed"
stop.set()
for thread in threads:
    thread.join()
assert not faults, faults
library.rredis_client_free(client)

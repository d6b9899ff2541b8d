"""Ctrl-C under ctypes: it ends a wait of the main thread's, and main ends the wait of a worker's.

python3 interrupt.py LIBRARY HOST PORT

Two waits, each of which is to be ended by SIGINT; a line is printed when one has ended.
"""

import ctypes as c
import signal
import sys
import threading

OK, ERR_WOKEN = 0, 14

library = c.CDLL(sys.argv[1])
interrupt_fn = c.CFUNCTYPE(c.c_int, c.c_void_p)


class Error(c.Structure):
    _fields_ = [
        ("status", c.c_int),
        ("outcome", c.c_int),
        ("os_error", c.c_int32),
        ("attempts", c.c_int32),
        ("message", c.c_char * 240),
    ]


def function(name, result, *arguments):
    found = getattr(library, name)
    found.restype, found.argtypes = result, arguments
    return found


options_new = function("rredis_options_new", c.c_void_p)
options_free = function("rredis_options_free", None, c.c_void_p)
set_url = function("rredis_options_set_url", c.c_int, c.c_void_p, c.c_char_p, c.c_size_t, c.POINTER(Error))
on_interrupt = function(
    "rredis_options_on_interrupt", c.c_int, c.c_void_p, interrupt_fn, c.c_void_p, c.c_void_p, c.POINTER(Error)
)
client_new = function("rredis_client_new", c.c_int, c.c_void_p, c.POINTER(c.c_void_p), c.POINTER(Error))
client_wake = function("rredis_client_wake", c.c_size_t, c.c_void_p, c.c_void_p)
client_free = function("rredis_client_free", None, c.c_void_p)
client_command = function(
    "rredis_client_command", c.c_int, c.c_void_p, c.c_size_t, c.POINTER(c.c_char_p), c.c_void_p,
    c.POINTER(c.c_void_p), c.POINTER(Error),
)
reply_free = function("rredis_reply_free", None, c.c_void_p)

# The function that is asked while a call waits is Python's own PyOS_InterruptOccurred, which says whether Ctrl-C was pressed
# and runs no Python; ctypes takes the GIL for it. A function written in Python would not do: the interpreter raises
# KeyboardInterrupt as that function begins, before any try of its, and ctypes drops what leaves a callback. An extension in C
# calls PyErr_CheckSignals there, which heeds every signal, and leaves the exception for the end of the call.
interrupted = interrupt_fn(c.pythonapi.PyOS_InterruptOccurred)


class Failure(Exception):
    def __init__(self, err):
        super().__init__(err.message.decode())
        self.status = err.status


def check(status, err):
    if status == ERR_WOKEN and threading.current_thread() is threading.main_thread():
        # Only the main thread is asked about Ctrl-C, and nobody wakes it otherwise. PyOS_InterruptOccurred has taken the
        # signal away: it is given back to whatever handler the program has, which raises KeyboardInterrupt by default.
        signal.raise_signal(signal.SIGINT)
    if status != OK:
        raise Failure(err)


def run(client, *args):
    err, reply = Error(), c.c_void_p()
    argv = (c.c_char_p * len(args))(*args)
    status = client_command(client, len(args), argv, None, c.byref(reply), c.byref(err))
    reply_free(reply)
    check(status, err)


def connect(host, port):
    err, client, options = Error(), c.c_void_p(), options_new()
    url = f"redis://{host}:{port}".encode()
    check(set_url(options, url, len(url), c.byref(err)), err)
    check(on_interrupt(options, interrupted, None, None, c.byref(err)), err)
    check(client_new(options, c.byref(client), c.byref(err)), err)
    options_free(options)
    return client


def work(client, ends):
    try:
        run(client, b"BLPOP", b"py:nothing", b"0")
    except Failure as failure:
        ends.append(failure.status)


def main():
    client = connect(sys.argv[2], sys.argv[3])

    try:
        run(client, b"BLPOP", b"py:nothing", b"0")
    except KeyboardInterrupt:
        print("main: KeyboardInterrupt", flush=True)
    run(client, b"PING")

    ends = []
    worker = threading.Thread(target=work, args=(client, ends))
    worker.start()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        while not ends:
            client_wake(client, None)
            worker.join(0.01)
        print(f"worker: {ends}", flush=True)
    worker.join()
    run(client, b"PING")
    client_free(client)


main()

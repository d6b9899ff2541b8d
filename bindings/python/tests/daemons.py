"""A process that ends while daemon threads wait in every kind of call, and ask again whatever becomes of it."""

import atexit
import sys
import threading
import time


def after():
    """Later than what rredis does at the end: the threads stay where they are, and this one may still use what it has."""
    others = [ident for ident in sys._current_frames() if ident != threading.get_ident()]
    while [sys._current_frames()[ident].f_code.co_name for ident in others] != ["stay"] * len(WAITS):
        time.sleep(0.01)
    with client() as other:
        other.ping()


atexit.register(after)

from support import client  # noqa: E402


def blocked(other):
    return int(other.info("clients")["Clients"]["blocked_clients"])


WAITS = []


def main():
    r = client()
    pipe, connection, sub = r.pipeline(transaction=False), r.connection(), r.pubsub()
    sub.subscribe("nothing")
    plain = client(interruptible=False)
    WAITS[:] = [
        lambda: r.blpop("nothing"),
        lambda: r.blpop("nothing", timeout=1),
        lambda: plain.blpop("nothing"),
        lambda: pipe.blpop("nothing").execute(),
        lambda: connection.blpop("nothing"),
        lambda: sub.get_message(timeout=None),
        lambda: time.sleep(0.005) or r.incr("ticks"),
    ]

    def again(wait):
        while True:
            try:
                wait()
            except Exception as error:
                print(repr(error), flush=True)

    for wait in WAITS:
        threading.Thread(target=again, args=(wait,), daemon=True).start()
    with client(decode_responses=True) as other:
        while blocked(other) < 5 or not other.get("ticks"):
            pass


# What ends after the threads were told to: the interpreter is at its end for longer than between two questions.
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.5)


sys.slow = Slow()
main()

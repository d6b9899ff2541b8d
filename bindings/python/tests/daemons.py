"""A process that ends while daemon threads wait in every kind of call, and ask again whatever becomes of it."""

import sys
import threading
import time

from support import client


def main():
    r = client()
    pipe, connection, sub = r.pipeline(transaction=False), r.connection(), r.pubsub()
    sub.subscribe("nothing")
    waits = [
        lambda: r.blpop("nothing"),
        lambda: r.blpop("nothing", timeout=1),
        lambda: pipe.blpop("nothing").execute(),
        lambda: connection.blpop("nothing"),
        lambda: sub.get_message(timeout=None),
        lambda: time.sleep(0.001) or r.get("k"),
    ]

    def again(wait):
        while True:
            try:
                wait()
            except Exception as error:
                print(repr(error), flush=True)

    for wait in waits:
        threading.Thread(target=again, args=(wait,), daemon=True).start()
    with client(decode_responses=True) as other:
        while int(other.info("clients")["Clients"]["blocked_clients"]) < 4:
            pass


# What ends after the threads were told to: the interpreter is at its end for longer than between two questions.
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.5)


sys.slow = Slow()
main()

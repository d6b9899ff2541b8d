"""Ways to wait for ever, for a process of its own: it says "waiting", how the wait ended, and that all goes on."""

import asyncio
import contextlib
import signal
import socket
import threading
import time

import rredis
import rredis.asyncio
from support import URL, client

def waiting():
    threading.Timer(0.2, lambda: print("waiting", flush=True)).start()


def command(r):
    waiting()
    r.blpop("nothing")


def pipeline_run(r):
    pipe = r.pipeline(transaction=False).blpop("nothing")
    waiting()
    pipe.execute()


def pipeline_each(r):
    pipe = r.pipeline().blpop("nothing")
    waiting()
    pipe.each(lambda *_: None)


def pipeline_reading(r):
    pipe = r.pipeline()
    pipe.watch("k")
    waiting()
    pipe.blpop("nothing")


def transaction(r):
    waiting()
    r.transaction(lambda pipe: pipe.blpop("nothing"), "k")


def script(r):
    # One connection, which is taken: the script waits for it.
    with client(pool_max=1, command_timeout_ms=-1) as one, one.connection():
        waiting()
        one.register_script("return 1")()


def subscriber(r):
    sub = r.pubsub()
    sub.subscribe("nothing")
    waiting()
    sub.get_message(timeout=None)


def subscriber_listen(r):
    sub = r.pubsub()
    sub.subscribe("nothing")
    waiting()
    for _ in sub.listen():
        pass


def subscribing(r):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sub = rredis.Redis(port=silent.getsockname()[1], connect_timeout_ms=-1, command_timeout_ms=-1).pubsub()
        waiting()
        sub.subscribe("nothing")


def connection_command(r):
    connection = r.connection()
    waiting()
    connection.blpop("nothing")


def connection_receive(r):
    connection = r.connection()
    connection.send("BLPOP", "nothing", 0)
    waiting()
    connection.receive()


def connection_lease(r):
    with client(pool_max=1, command_timeout_ms=-1) as one, one.connection():
        waiting()
        one.connection()


def connecting(r):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        waiting()
        rredis.Redis(port=silent.getsockname()[1], connect_timeout_ms=-1, command_timeout_ms=-1).ping()


def signals(r):
    class Alarm(Exception):
        pass

    def ring(*_):
        raise Alarm

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with contextlib.suppress(Alarm):
        r.blpop("nothing")
    waiting()
    time.sleep(1000)


def asynchronous(wait):
    def run(_r):
        async def main():
            async with rredis.asyncio.from_url(URL) as r:
                waiting()
                await wait(r)

        asyncio.run(main())

    return run


async def async_subscriber(r):
    async with r.pubsub() as sub:
        await sub.subscribe("nothing")
        await sub.get_message(timeout=None)


async def async_subscribing(_r):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        other = rredis.asyncio.Redis(port=silent.getsockname()[1], connect_timeout_ms=-1, command_timeout_ms=-1)
        await other.pubsub().subscribe("nothing")


WAITS = {
    wait.__name__: wait
    for wait in (
        command, pipeline_run, pipeline_each, pipeline_reading, transaction, script, subscriber, subscriber_listen,
        subscribing, connection_command, connection_receive, connection_lease, connecting, signals,
    )
}
WAITS["async_command"] = asynchronous(lambda r: r.blpop("nothing"))
WAITS["async_pipeline"] = asynchronous(lambda r: r.pipeline(transaction=False).blpop("nothing").execute())
WAITS["async_transaction"] = asynchronous(lambda r: r.transaction(lambda pipe: pipe.blpop("nothing"), "k"))
WAITS["async_subscriber"] = asynchronous(async_subscriber)
WAITS["async_subscribing"] = asynchronous(async_subscribing)

def main(way):
    # A shell that starts programs in the background has SIGINT ignored in them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with client() as it:
        try:
            WAITS[way](it)
            print("it ended by itself", flush=True)
        except KeyboardInterrupt:
            print("KeyboardInterrupt", flush=True)
        print(it.ping(), flush=True)

"""What a client does when all is not well: connections that are lost, large replies beside small ones, a server that is far."""

import os
import socket
import subprocess
import threading

from cells import GET
from clients import SPEED, compared, place, run, said

# Microseconds each way: a round trip of 1 ms.
FAR_US = 500
LOSS_S = 0.05
LARGE = "bench:large"


class Losses:
    """Closes every connection of every client all the time, as a server that is restarted, or a firewall, would."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.over.wait(LOSS_S):
            self.socket.sendall(b"CLIENT KILL TYPE normal SKIPME yes\r\n")
            self.socket.recv(64)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.socket.close()


class Relay:
    """A far server: a relay of ours."""

    def __init__(self, work):
        program = os.path.join(work, "relay")
        said(os.environ.get("CC", "cc"), "-O2", os.path.join(SPEED, "relay.c"), "-o", program)
        words = [program, "0", os.environ["RREDIS_PORT"], str(FAR_US)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.place = "tcp:" + self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def in_turn(clients, names, name, where, turns, seconds, threads, words, **environment):
    runs = {client: [] for client in names}
    for _ in range(turns):
        for client in names:
            runs[client].append(run(clients.programs[client], where, seconds, threads, 1, words, **environment))
    failures = {client: sum(one.get("failures", 0) for one in found) for client, found in runs.items()}
    return {"axis": "stress", "name": name, "failed": failures, **compared(runs)}


def stressed(clients, turns, seconds, tell):
    """librredis and hiredis: what others do when a connection is lost is another thing for each."""
    both, found = ["rredis", "hiredis"], []
    tell("while connections are lost")
    with Losses(int(os.environ["RREDIS_PORT"])):
        name = f"4 threads, and every {LOSS_S * 1000:.0f} ms all connections are closed"
        found.append(in_turn(clients, both, name, place("tcp"), turns, seconds, 4, GET.words(), RREDIS_LOSSES="1"))
    tell("beside large replies")
    words = ["SETRANGE", LARGE, str(1 << 20), "x", ",", *GET.words()]
    name = "8 threads, and a GET of 1 MiB every 5 ms on the same client"
    found.append(in_turn(clients, both, name, place("tcp"), turns, seconds, 8, words, RREDIS_BESIDE=f"GET {LARGE}"))
    for threads in (1, 16, 64):
        tell(f"a far server, {threads} threads")
        with Relay(clients.work) as relay:
            name = f"a server 1 ms away, {threads} thread{'s' * (threads > 1)}"
            found.append(in_turn(clients, [*both, "bare"], name, relay.place, turns, seconds, threads, GET.words()))
    return found

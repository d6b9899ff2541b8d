"""The program of speed.c with redis-py: one client for all threads. It takes the same arguments, and prints the same line."""

import os
import resource
import sys
import threading
import time

import redis


def used_us():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


def opened(place, threads):
    kind, _, where = place.partition(":")
    most = {"max_connections": threads + 1}
    if kind == "unix":
        return redis.Redis(unix_socket_path=where, **most)
    tls = {"ssl": True, "ssl_ca_certs": os.environ["RREDIS_CA"]} if kind == "tls" else {}
    return redis.Redis(host="127.0.0.1", port=int(where), **tls, **most)


def command(words):
    return [b"x" * int(word[1:]) if word.startswith("@") else word for word in words]


def length(reply):
    return len(reply) if isinstance(reply, (bytes, list)) else 0


def run(client, sent, pipeline):
    if pipeline == 1:
        return length(client.execute_command(*sent))
    burst = client.pipeline(transaction=False)
    for _ in range(pipeline):
        burst.execute_command(*sent)
    return length(burst.execute()[-1])


def main():
    place, seconds, threads, pipeline = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    commands = [[]]
    for word in sys.argv[5:]:
        if word == ",":
            commands.append([])
        else:
            commands[-1].append(word)
    client = opened(place, threads)
    for words in commands[:-1]:
        client.execute_command(*command(words))
    last = command(commands[-1])
    gate = threading.Barrier(threads + 1)
    took = [[] for _ in range(threads)]

    def work(mine):
        expected = run(client, last, pipeline)
        gate.wait()
        gate.wait()
        begin = time.perf_counter()
        end = begin + seconds
        while begin < end:
            if run(client, last, pipeline) != expected:
                raise SystemExit("a reply of another length")
            done = time.perf_counter()
            mine.append(done - begin)
            begin = done
        gate.wait()

    for mine in took:
        threading.Thread(target=work, args=(mine,), daemon=True).start()
    gate.wait()
    used, begin = used_us(), time.perf_counter()
    gate.wait()
    gate.wait()
    passed, used = time.perf_counter() - begin, used_us() - used
    every = sorted(one * 1e6 for mine in took for one in mine)
    count = len(every) * pipeline
    shares = (every[min(len(every) - 1, int(len(every) * share))] for share in (0.5, 0.99, 0.999))
    print(f"{count / passed:.0f} {used / count:.4f}", *(f"{share:.2f}" for share in shares))


main()

"""Many operations with flat memory, threads, and children of fork."""

import gc
import os
import threading
import unittest

from support import MANY, Case


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Memory(Case):
    def test_it_stays_as_it_is(self):
        self.r.rpush("l", *range(100))
        self.r.hset("h", mapping={n: n for n in range(50)})
        self.r.set_response_callback("STRLEN", lambda reply: [reply] * 10)
        self.r.set("text", "x" * 100)

        def work(count):
            for number in range(count // 10):
                self.r.set("k", number)
                self.r.get("k")
                self.r.lrange("l", 0, -1)
                self.r.hgetall("h")
                self.r.strlen("text")
                try:
                    self.r.incr("text")
                except Exception as error:
                    del error
                self.r.pipeline().get("k").strlen("k").incr("n").execute()
                if number % 100 == 0:
                    with self.r.connection() as connection, self.r.pubsub() as sub:
                        connection.ping()
                        sub.subscribe("c")

        work(MANY // 4)
        gc.collect()
        before = resident()
        work(MANY)
        gc.collect()
        self.assertLess(resident() - before, 4 << 20)


class Threads(Case):
    def test_many_threads_share_a_client(self):
        faults = []

        def work(number):
            for count in range(1, MANY // 80 + 1):
                if self.r.incr(f"t:{number}") != count:
                    faults.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])


class Fork(Case):
    def test_children_beside_busy_threads(self):
        stop, faults = threading.Event(), []

        def work(number):
            count = 0
            while not stop.is_set():
                count += 1
                if self.r.incr(f"parent:{number}") != count:
                    faults.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        sub = self.r.pubsub()
        sub.subscribe("c")
        children = []
        for child in range(8):
            pid = os.fork()
            if pid == 0:
                right = False
                try:
                    right = all(self.r.incr(f"child:{child}") == count for count in range(1, MANY // 80 + 1))
                    try:
                        sub.get_message()
                        right = False
                    except Exception as error:
                        right = right and error.status.name == "FORKED"
                finally:
                    os._exit(0 if right else 1)
            children.append(pid)
        ends = [os.waitpid(pid, 0)[1] for pid in children]
        stop.set()
        for thread in threads:
            thread.join()
        sub.close()
        self.assertEqual((ends, faults), ([0] * 8, []))


if __name__ == "__main__":
    unittest.main()

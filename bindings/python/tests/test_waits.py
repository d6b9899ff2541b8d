"""Every wait ends by Ctrl-C, which raises KeyboardInterrupt; by `wake` of another thread; or with its task."""

import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import rredis
import waits
from support import Case


def started(way):
    """A child of fork that waits: the modules are there already."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        end = 1
        try:
            os.dup2(writes, 1)
            sys.stdout = os.fdopen(1, "w")
            # Whoever is not ended ends so, and says nothing more.
            signal.alarm(120)
            waits.main(way)
            end = 0
        finally:
            os._exit(end)
    os.close(writes)
    return pid, os.fdopen(reads)


class CtrlC(Case):
    def test_it_ends_every_wait(self):
        self.assertGreaterEqual(len(waits.WAITS), 19)
        running = {way: started(way) for way in waits.WAITS}
        try:
            for way, (pid, says) in running.items():
                with self.subTest(way):
                    self.assertEqual(says.readline(), "waiting\n")
                    begin = time.monotonic()
                    os.kill(pid, signal.SIGINT)
                    self.assertEqual(says.readline(), "KeyboardInterrupt\n")
                    self.assertLess(time.monotonic() - begin, 10)
                    self.assertEqual(says.readline(), "True\n")
        finally:
            for pid, says in running.values():
                says.close()
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


class Exit(Case):
    def test_a_process_ends_although_daemon_threads_wait(self):
        for _ in range(3):
            program = os.path.join(os.path.dirname(__file__), "daemons.py")
            ended = subprocess.run([sys.executable, program], capture_output=True, timeout=60)
            self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, b"", b""))


class Wake(Case):
    def test_it_ends_the_waits_of_other_threads(self):
        pipe = self.r.pipeline(transaction=False).blpop("nothing")
        connection = self.r.connection()
        sub = self.r.pubsub()
        sub.subscribe("nothing")
        handles = {
            self.r: lambda: self.r.blpop("nothing"),
            pipe: pipe.execute,
            connection: lambda: connection.blpop("nothing"),
            sub: lambda: sub.get_message(timeout=None),
        }
        for handle, wait in handles.items():
            ends = []

            def work():
                try:
                    ends.append(wait())
                except rredis.WokenError as error:
                    ends.append(error.status)

            thread = threading.Thread(target=work)
            thread.start()
            while thread.is_alive():
                handle.wake()
                thread.join(0.01)
            self.assertEqual(ends, [rredis.Status.WOKEN])
        self.assertIs(self.r.ping(), True)


if __name__ == "__main__":
    unittest.main()

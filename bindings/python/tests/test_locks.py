"""Locks, of both kinds of client."""

import asyncio
import threading
import time
import unittest

import rredis
import rredis.asyncio
from support import URL, Case


class Locks(Case):
    def test_one_at_a_time(self):
        self.r.set("n", 0)

        def work():
            for _ in range(10):
                with self.r.lock("lock", timeout=30, sleep=0.001):
                    # Whoever reads and writes beside another loses numbers.
                    number = int(self.r.get("n"))
                    time.sleep(0)
                    self.r.set("n", number + 1)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.r.get("n"), b"60")
        self.assertFalse(self.r.lock("lock").locked())

    def test_who_holds_it(self):
        mine, other = self.r.lock("lock", timeout=30), self.r.lock("lock", timeout=30, sleep=0.01)
        self.assertTrue(mine.acquire())
        self.assertEqual((mine.locked(), mine.owned(), other.locked(), other.owned()), (True, True, True, False))
        self.assertFalse(other.acquire(blocking=False))
        self.assertFalse(other.acquire(blocking_timeout=0.05))
        with self.assertRaises(rredis.LockError):
            other.release()
        with self.assertRaises(rredis.LockError):
            self.r.lock("lock", blocking_timeout=0).__enter__()
        # Taking it once more with the same token, as a retry does, changes nothing.
        self.assertEqual(mine._try(mine.local.token), 1)
        mine.release()
        self.assertTrue(other.acquire(blocking=False))
        other.release()

    def test_its_time(self):
        lock = self.r.lock("lock", timeout=20)
        with lock:
            self.assertLessEqual(self.r.pttl("lock"), 20_000)
            lock.extend(100)
            self.assertGreater(self.r.pttl("lock"), 100_000)
            lock.reacquire()
            self.assertLessEqual(self.r.pttl("lock"), 20_000)
            lock.extend(50, replace_ttl=True)
            self.assertLessEqual(self.r.pttl("lock"), 50_000)
        lock.acquire()
        self.r.set("lock", "somebody else")
        for late in (lambda: lock.extend(1), lock.release):
            with self.assertRaises(rredis.LockNotOwnedError):
                late()
        self.assertEqual(self.r.get("lock"), b"somebody else")
        self.r.delete("lock")
        with self.r.lock("lock") as for_ever:
            self.assertEqual(self.r.ttl("lock"), -1)
            with self.assertRaises(rredis.LockError):
                for_ever.extend(1)

    def test_a_thread_has_its_own(self):
        shared = self.r.lock("lock", thread_local=False)
        for lock, fails in ((shared, False), (self.r.lock("lock"), True)):
            lock.acquire()
            failed = []

            def leave():
                try:
                    lock.release()
                except rredis.LockError as error:
                    failed.append(error)

            thread = threading.Thread(target=leave)
            thread.start()
            thread.join()
            self.assertEqual(bool(failed), fails)
        self.assertEqual(self.r.delete("lock"), 1)

    def test_in_an_event_loop(self):
        async def main():
            async with rredis.asyncio.from_url(URL) as r:
                await r.set("n", 0)

                async def work():
                    for _ in range(5):
                        async with r.lock("lock", timeout=30, sleep=0.001) as lock:
                            number = int(await r.get("n"))
                            await r.set("n", number + 1)
                            self.assertTrue(await lock.owned())
                            await lock.extend(1)
                            await lock.reacquire()

                await asyncio.gather(*(work() for _ in range(6)))
                self.assertEqual(await r.get("n"), b"30")
                held = r.lock("lock")
                self.assertFalse(await held.locked())
                await held.acquire()
                self.assertFalse(await r.lock("lock", sleep=0.01).acquire(blocking_timeout=0.03))
                await held.release()

        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()

"""What the tests share: the server's URL, a client, and how much is asked for."""

import os
import threading
import unittest

import rredis

URL = os.environ["RREDIS_URL"]
SHORT = bool(os.environ.get("RREDIS_SHORT"))
# Operations of the tests that count memory, threads and children.
MANY = 2_000 if SHORT else 100_000


def client(**options):
    return rredis.from_url(URL, **options)


class Case(unittest.TestCase):
    """A client and keys of its own."""

    options = {}

    def setUp(self):
        self.r = client(**self.options)
        self.r.flushdb()
        self.addCleanup(self.r.close)


def in_thread(work):
    """A thread that works, and a list of what came of it: the value, or the exception."""
    ends = []

    def run():
        try:
            ends.append(work())
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ends

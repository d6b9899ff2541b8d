"""What the binding has, once each: commands, a pipeline, a transaction, a script, messages, and an event loop.

RREDIS_URL=redis://127.0.0.1:6379 python3 example.py
"""

import asyncio
import os

import rredis
import rredis.asyncio

URL = os.environ.get("RREDIS_URL", "redis://127.0.0.1:6379")

r = rredis.from_url(URL, decode_responses=True, socket_timeout=2)

r.set("example:greeting", "hello", ex=60)
r.hset("example:user", mapping={"name": "Ada", "visits": 1})
print(r.get("example:greeting"), r.hgetall("example:user"))

# Many commands in one round trip; an error is raised, or with raise_on_error=False an element.
with r.pipeline(transaction=False) as pipe:
    for number in range(3):
        pipe.incr("example:count", number)
    print(pipe.execute())


# Read, decide, write: tried again if somebody else was faster.
def visit(pipe):
    visits = int(pipe.hget("example:user", "visits"))
    pipe.multi()
    pipe.hset("example:user", "visits", visits + 1)


r.transaction(visit, "example:user")

double = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
print(double(keys=["example:count"], args=[10]))

with r.pubsub() as sub:
    sub.subscribe("example:news")
    r.publish("example:news", "it works")
    print(sub.get_message(timeout=5)["data"])

try:
    r.lpush("example:greeting", 1)
except rredis.ResponseError as error:
    print(error.code, error.outcome.name)


async def main():
    async with rredis.asyncio.from_url(URL, decode_responses=True) as loop:
        print(await asyncio.gather(*(loop.incr("example:count") for _ in range(3))))
        print(await loop.pipeline().get("example:greeting").delete("example:greeting", "example:user", "example:count").execute())


asyncio.run(main())

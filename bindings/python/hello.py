"""Hello: a value is set and read."""

import os

import rredis

client = rredis.from_url(os.environ.get("RREDIS_URL", "redis://127.0.0.1:6379"), decode_responses=True)
client.set("greeting", "hello")
print(client.get("greeting"))

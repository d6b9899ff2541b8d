-- What the binding has, once each: commands, a pipeline, a transaction, a script, messages, a connection, an error.
--
-- RREDIS_URL=redis://127.0.0.1:6379 luajit example.lua
local rredis = require "rredis"

local r = rredis.new(os.getenv "RREDIS_URL", {command_timeout_ms = 2000})

r:set("example:greeting", "hello", "EX", 60)
r:hset("example:user", "name", "Ada", "visits", 1)
print(r:get "example:greeting", r:hgetall("example:user").name)

-- Many commands in one round trip. An error among the replies is a table with fields.
local replies = r:pipeline():incr("example:count"):incrby("example:count", 2):lpush("example:greeting", 1):run()
print(replies[1], replies[2], replies[3].code)

-- Read, decide, write: tried again if somebody else was faster.
r:transaction({"example:user"}, function(now, queue)
  queue:hset("example:user", "visits", now:hget("example:user", "visits") + 1)
end)
print(r:hget("example:user", "visits"))

local add = r:script "return redis.call('INCRBY', KEYS[1], ARGV[1])"
print(add({"example:count"}, {10}))

local sub = r:pubsub()
sub:subscribe "example:news"
r:publish("example:news", "it works")
print(sub:next(5).data)

local own = r:connection()
own:select(1)
own:close()

local ok, e = pcall(r.lpush, r, "example:greeting", 1)
print(ok, e.status, e.outcome, e.code)

r:del("example:greeting", "example:user", "example:count")

-- A program that waits for ever in the way that it is told. Ctrl-C ends the wait, as it ends a Lua script; then it goes on.
local rredis = require "rredis"

local r = rredis.new(os.getenv "RREDIS_URL", {command_timeout_ms = -1, pool_max = 3})
local sub = r:pubsub()
sub:subscribe "nothing"
local own = r:connection()

local waits = {
  command = function() r:blpop("nothing", 0) end,
  run = function() r:pipeline():blpop("nothing", 0):run() end,
  each = function() r:pipeline():blpop("nothing", 0):each(print) end,
  watching = function() r:pipeline():watch("k"):blpop("nothing", 0) end,
  transaction = function() r:transaction({"k"}, function(now) now:blpop("nothing", 0) end) end,
  subscriber = function() sub:next() end,
  messages = function() for _ in sub:messages() do end end,
  connection = function() own:blpop("nothing", 0) end,
  receive = function() own:send("BLPOP", "nothing", 0) own:receive() end,
  loop = function() local a = r:async() a:submit(print, "BLPOP", "nothing", 0) a:run() end,
  coroutine = function() local a = r:async() a:go(function(own) own:blpop("nothing", 0) end) a:run() end,
  lease = function() local held = {r:connection(), r:connection()} r:connection() print(held) end,
}

if not arg[1] then
  for name in pairs(waits) do print(name) end
  return
end
io.stdout:setvbuf "no"
local ok, e = pcall(function()
  print "waiting"
  waits[arg[1]]()
end)
print(ok, (tostring(e):match "interrupted!"))
own:close()
print(rredis.new(os.getenv "RREDIS_URL"):ping())

-- The binding's tests, for both cores: values, errors, callbacks, every handle, deadlines and flat memory.
local rredis = require "rredis"

local URL = os.getenv "RREDIS_URL"
local MANY = os.getenv "RREDIS_SHORT" == "1" and 2000 or 100000
local is_jit = rawget(_G, "jit") ~= nil
local passed = 0

local function show(value)
  if type(value) ~= "table" or getmetatable(value) then return tostring(value) end
  local parts = {}
  for key, one in pairs(value) do parts[#parts + 1] = tostring(key) .. "=" .. show(one) end
  table.sort(parts)
  return "{" .. table.concat(parts, ", ") .. "}"
end
local function same(found, expected, what)
  if show(found) ~= show(expected) then error(("%s: %s, expected %s"):format(what or "value", show(found), show(expected)), 2) end
end
local function fails(status, f, ...)
  local ok, e = pcall(f, ...)
  if ok then error("it did not fail with " .. status, 2) end
  if not rredis.is_error(e) then error("it failed with " .. tostring(e) .. " and not " .. status, 2) end
  same(e.status, status, e.message)
  return e
end
local function raises(text, f, ...)
  local ok, e = pcall(f, ...)
  if ok or not tostring(e):find(text, 1, true) then error("it did not raise " .. text .. ": " .. tostring(e), 2) end
end
local function test(name, f)
  local client = rredis.new(URL)
  client:flushdb()
  local ok, e = xpcall(f, function(e) return debug.traceback(tostring(e)) end, client)
  client:close()
  if not ok then
    io.stderr:write(name, ": ", e, "\n")
    os.exit(1)
  end
  passed = passed + 1
end

test("bytes come back as they went", function(r)
  local all = {}
  for byte = 0, 255 do all[#all + 1] = string.char(byte) end
  local text = table.concat(all):rep(3)
  same(r:set("k", text), true)
  assert(r:get("k") == text)
  same(r:get("absent"), nil)
  r:set("", "")
  same(r:get(""), "")
end)

test("numbers", function(r)
  for _, number in ipairs {0, -1, 3.5, 1e15, 2^53, -2^53, 123456789012} do
    r:set("n", number)
    assert(tonumber(r:get "n") == number, number)
  end
  r:set("n", "9007199254740993")
  same(tostring(r:incr("n")):gsub("LL$", ""), "9007199254740994")
  r:set("n", "9223372036854775806")
  local largest = r:incr("n")
  same((tostring(largest):gsub("LL$", "")), "9223372036854775807")
  r:set("again", largest)
  same(r:get("again"), "9223372036854775807")
  r:set("n", "-9223372036854775807")
  same((tostring(r:decr("n")):gsub("LL$", "")), "-9223372036854775808")
  same(r:set("whole", 1e15) and r:get("whole"), "1000000000000000")
  for _, wrong in ipairs {true, {}, print} do raises("has to be a string or a number", r.set, r, "k", wrong) end
  raises("is a nil", r.get, r, nil)
end)

test("shapes", function(r)
  r:hset("h", "a", 1, "b", 2)
  same(r:hgetall("h"), {a = "1", b = "2"})
  r:zadd("z", 1.5, "m", 2, "n")
  local scores = r:zrange("z", 0, -1, "WITHSCORES")
  assert(scores[1][1] == "m" and scores[1][2] == 1.5 and scores[2][2] == 2)
  local both = r:mget("absent", "h2")
  assert(#both == 2 and both[1] == rredis.null and both[2] == rredis.null)
  local words = {}
  for i = 1, 1000 do words[i] = "v" .. i end
  for i = 1, 1000, 100 do r:rpush("l", (table.unpack or unpack)(words, i, i + 99)) end
  same(r:lrange("l", 0, -1), words)
  same(r:config_get("maxmemory-policy"), {["maxmemory-policy"] = "noeviction"})
  local keys = {}
  for key in r:scan_each("MATCH", "[hlz]") do keys[#keys + 1] = key end
  table.sort(keys)
  same(keys, {"h", "l", "z"})
  local nested = r:eval("local t = 1 for i = 1, 60 do t = {t} end return t", 0)
  for _ = 1, 60 do nested = nested[1] end
  same(nested, 1)
  same(rredis.new(URL, {protocol = 2}):hgetall("h"), {a = "1", b = "2"})
end)

test("errors are tables with fields", function(r)
  r:set("k", "text")
  local e = fails("SERVER", r.lpush, r, "k", 1)
  same({e.code, e.outcome, tostring(e):match "^%S+"}, {"WRONGTYPE", "REFUSED", "WRONGTYPE"})
  same(fails("ARGUMENT", r.select, r, 1).outcome, "NOT_SENT")
  e = fails("CONNECT", function() rredis.new("redis://127.0.0.1:1", {retry_max = 0}):get "k" end)
  assert(e.outcome == "NOT_SENT" and e.os_error ~= 0 and e.attempts == 1)
  fails("CONFIG", rredis.new, "http://127.0.0.1")
  raises("there is no option no_such", rredis.new, URL, {no_such = 1})
  r:close()
  raises("is closed", r.get, r, "k")
  r:close()
end)

test("urls of many servers", function()
  for _, url in ipairs {"redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/main"} do
    fails("CONNECT", function() rredis.new(url, {retry_max = 0, command_timeout_ms = 500}):get "k" end)
  end
end)

test("response callbacks", function(r)
  r:callback("GET", function(reply) return {"seen", reply} end)
  r:set("k", "v")
  same(r:get("k"), {"seen", "v"})
  same(r:pipeline():get("k"):set("k", 1):run(), {{"seen", "v"}, true})
  same(r:pipeline():get("k"):get("k"):run {atomic = true}, {{"seen", "1"}, {"seen", "1"}})
  same(r:connection():get("k"), {"seen", "1"})
  r:callback("GET", function(reply) return {reply, r:incr("asked"), r:echo("nested")} end)
  same(r:get("k"), {"1", 1, "nested"})
  local mine = setmetatable({}, {__tostring = function() return "mine" end})
  r:callback("GET", function() error(mine) end)
  local ok, e = pcall(r.get, r, "k")
  assert(not ok and e == mine)
  local replies = r:pipeline():get("k"):ping():run()
  assert(replies[1] == mine and replies[2] == true)
  r:callback("GET", nil)
  same(r:get("k"), "1")
end)

test("events", function()
  local seen = {}
  rredis.new(URL, {on_event = function(event) seen[#seen + 1] = event[1] end}):ping()
  same(seen[1], "connected")
  raises("the event", function() rredis.new(URL, {on_event = function() error "the event" end}):ping() end)
end)

test("pipelines", function(r)
  local replies = r:pipeline():set("k", "text"):incr("k"):get("k"):run()
  assert(replies[1] == true and rredis.is_error(replies[2]) and replies[3] == "text")
  local pipe = r:pipeline()
  for i = 1, 500 do pipe:set("k" .. i, i) end
  same(#pipe:run(), 500)
  same(pipe:run(), {})
  same(fails("ABORTED", function() pipe:ping():call("NOSUCH"):run {atomic = true} end).index, 2)
  local seen = {}
  pipe:set("k", 1):get("k"):each(function(index, reply) seen[index] = reply end)
  same(seen, {true, "1"})
  raises("refused", function() pipe:get("k"):each(function() error "refused" end) end)
  same(r:ping(), true)
end)

test("transactions", function(r)
  r:set("k", 1)
  local pipe = r:pipeline()
  local now = pipe:watch("k")
  same(now:get("k"), "1")
  same(pipe:incr("k"):run {atomic = true}, {2})
  pipe:watch("k")
  r:set("k", 7)
  fails("WATCH", function() pipe:incr("k"):run {atomic = true} end)
  local tries = 0
  local function add(now, queue)
    tries = tries + 1
    local value = now:get("k")
    if tries < 3 then r:set("k", value + 1) end
    queue:set("k", value + 1)
  end
  same(r:transaction({"k"}, add), {true})
  same({r:get("k"), tries}, {"10", 3})
  raises("given up", r.transaction, r, {"k"}, function(_, queue) queue:set("k", "never"); error "given up" end)
  same(r:get("k"), "10")
end)

test("subscribers", function(r)
  local sub = r:pubsub()
  sub:subscribe("one", "two")
  sub:psubscribe("t*")
  same(r:publish("one", "first"), 1)
  same(sub:next(5), {type = "message", channel = "one", data = "first"})
  r:publish("two", "second")
  local types = {sub:next(5).type, sub:next(5).type}
  table.sort(types)
  same(types, {"message", "pmessage"})
  same(sub:next(0), nil)
  sub:unsubscribe()
  for i = 1, 3 do r:publish("t" .. i, i) end
  local heard = {}
  for message in sub:messages() do
    heard[#heard + 1] = message.data
    if #heard == 3 then break end
  end
  same(heard, {"1", "2", "3"})
  assert(sub:fd() > 2)
  sub:wake()
  fails("WOKEN", sub.next, sub)
end)

test("scripts", function(r)
  local script = r:script "return {KEYS[1], ARGV[1], 2}"
  same(#script:sha(), 40)
  same(script:run({"k"}, {"a"}), {"k", "a", 2})
  r:script_flush()
  same(script({"k"}, {1}), {"k", "1", 2})
  local pipe = r:pipeline():set("k", 1)
  same(script:add(pipe, {"k"}, {"b"}):get("k"):run(), {true, {"k", "b", 2}, "1"})
  same(fails("SERVER", function() r:script("return redis.call('NOSUCH')"):run() end).outcome, "UNKNOWN")
end)

test("connections", function(r)
  local own = r:connection()
  own:select(3)
  own:set("elsewhere", 1)
  own:send{"GET", "elsewhere", more = true}
  own:send("NOSUCH")
  same(own:receive(), "1")
  assert(rredis.is_error(own:receive(5)))
  fails("STATE", own.receive, own, 0)
  own:del("elsewhere")
  own:close()
  same(r:get("elsewhere"), nil)
  local monitor = r:connection()
  monitor:monitor()
  r:get("watched")
  assert(monitor:fd() > 2)
  repeat local line = monitor:receive(5) until line:find("watched", 1, true)
end)

-- A stream over the descriptors of the system, as a transport needs it, by whatever moves bytes here: a connection of LuaSocket's.
local has_socket, socket = pcall(require, "socket")
local function transport_of(calls)
  local transport = {}
  function transport.connect(_, host, port, timeout)
    calls.connect = (calls.connect or 0) + 1
    local tcp = socket.tcp()
    tcp:settimeout(timeout)
    local ok, problem = tcp:connect(host, port)
    if not ok then return nil, problem end
    local stream = {}
    function stream.read(_, size, wait)
      tcp:settimeout(wait)
      -- Whatever is there: what arrived before the wait was over is given beside "timeout".
      local data, what, part = tcp:receive(1)
      if not data then
        if what == "closed" then return "" end
        return nil, what
      end
      tcp:settimeout(0)
      data, what, part = tcp:receive(size - 1, data)
      calls.read = (calls.read or 0) + #(data or part)
      return data or part
    end
    function stream.write(_, data, wait)
      tcp:settimeout(wait)
      local last, what, part = tcp:send(data)
      last = last or part
      if last == 0 then return nil, what end
      calls.write = (calls.write or 0) + last
      return last
    end
    function stream.close()
      calls.close = (calls.close or 0) + 1
      tcp:close()
    end
    return stream
  end
  return transport
end

test("transports", function()
  if has_socket then
    local calls = {}
    local r = rredis.new(URL, {transport = transport_of(calls)})
    r:set("k", ("x"):rep(100000))
    same(#r:get "k", 100000)
    same(r:pipeline():incr("n"):incr("n"):run(), {1, 2})
    assert(calls.connect == 1 and calls.read > 100000 and calls.write > 100000)
    r:close()
    -- The pipeline has kept the connections.
    collectgarbage()
    collectgarbage()
    same(calls.close, 1)
  end
  local mine = setmetatable({}, {__tostring = function() return "mine" end})
  local r = rredis.new(URL, {transport = {connect = function() error(mine) end}, retry_max = 0})
  local ok, e = pcall(r.ping, r)
  assert(not ok and e == mine)
  r = rredis.new(URL, {transport = {connect = function() return nil, "nobody is there" end}, retry_max = 0})
  e = fails("CONNECT", r.ping, r)
  assert(e.outcome == "NOT_SENT" and e.message:find("nobody is there", 1, true), e.message)
  -- One that is no socket: it answers each command that is written to it.
  local heard, answers = {}, {}
  local stream = {
    read = function() return table.remove(answers, 1), "timeout" end,
    write = function(_, data)
      heard[#heard + 1] = data
      for word in data:gmatch "%*%d+\r\n%$%d+\r\n(%u+)" do answers[#answers + 1] = word == "PING" and "+PONG\r\n" or "+OK\r\n" end
      return #data
    end,
    close = function() heard.closed = true end,
  }
  r = rredis.new("redis://nowhere:1?protocol=2", {transport = {connect = function(_, host, port)
    heard.host, heard.port = host, port
    return stream
  end}, retry_max = 0})
  local answer = r:call {"ECHO", "x", raw = true}
  assert(answer == "OK" and heard.host == "nowhere" and heard.port == 1 and table.concat(heard):find("ECHO", 1, true))
  r:close()
  assert(heard.closed)
end)

test("credentials", function(r)
  r:acl_setuser("lua", "reset", "on", ">secret", "+@all", "~*")
  local asked
  local mine = rredis.new(URL, {credentials = function(endpoint)
    asked = endpoint
    return "lua", "secret"
  end})
  same(mine:acl_whoami(), "lua")
  same("redis://" .. asked, URL)
  fails("AUTH", function() rredis.new(URL, {credentials = function() return "lua", "wrong" end, retry_max = 0}):ping() end)
  raises("no vault", function() rredis.new(URL, {credentials = function() error "no vault" end, retry_max = 0}):ping() end)
  raises("gave no password", function() rredis.new(URL, {credentials = function() return "lua" end, retry_max = 0}):ping() end)
  r:acl_deluser "lua"
end)

test("a client of one server", function(r)
  same(r:at {server = URL:match "//(.*)$"}:ping(), true)
  fails("ARGUMENT", r.at, r, {server = "127.0.0.1:1"})
end)

test("event loops", function(r)
  local a = r:async()
  assert(a:fd() > 2 and not a:deadline())
  local seen = {}
  for i = 1, 100 do a:submit(function(reply) seen[i] = reply end, "ECHO", i) end
  same(a:run(10), 0)
  same({#seen, seen[1], seen[100]}, {100, "1", "100"})
  -- In coroutines, each of which waits for its own.
  local order = {}
  for i = 1, 10 do
    a:go(function(own)
      own:set("k" .. i, i)
      local got = own:get("k" .. i)
      order[#order + 1] = got
      local ok, e = pcall(own.lpush, own, "k" .. i, 1)
      assert(not ok and e.code == "WRONGTYPE")
    end)
  end
  same(a:run(10), 0)
  table.sort(order)
  same(#order, 10)
  local e
  local blocked = r:async()
  blocked:submit(function(reply, failure) assert(reply == nil) e = failure end, {"BLPOP", "nothing", 0, timeout = 0.05})
  blocked:run(10)
  blocked:close()
  same(e.status, "TIMEOUT")
  fails("ARGUMENT", a.submit, a, print, "SUBSCRIBE")
  a:go(function(own) own:ping() error "in a coroutine" end)
  raises("in a coroutine", a.run, a, 10)
  r:callback("GET", function(reply) return {"seen", reply} end)
  a:submit(function(reply) seen = reply end, "GET", "k1")
  a:run(10)
  same(seen, {"seen", "1"})
  r:callback("GET", function() error "refused" end)
  a:submit(function(_, failure) seen = failure end, "GET", "k1")
  a:run(10)
  assert(tostring(seen):find("refused", 1, true))
  a:close()
  raises("is closed", a.round, a)
end)

-- Every wait ends at its deadline, and by the function that is asked meanwhile.
local function waits(r, timeout)
  local one = rredis.new(URL, {pool_max = 1, pool_wait_ms = timeout and timeout * 1000 or -1, command_timeout_ms = -1})
  local held = one:connection()
  local sub, own, receiving = r:pubsub(), r:connection(), r:connection()
  sub:subscribe("nothing")
  receiving:send("BLPOP", "nothing", 0)
  return {
    command = function() return r:call {"BLPOP", "nothing", 0, timeout = timeout} end,
    run = function() return r:pipeline():blpop("nothing", 0):run {timeout = timeout} end,
    each = function() return r:pipeline():blpop("nothing", 0):each(print, {timeout = timeout}) end,
    transaction = function() return r:transaction({"k"}, function(now) now:blpop("nothing", timeout or 0) error "over" end, timeout) end,
    subscriber = function() return sub:next(timeout) or error "AGAIN" end,
    connection = function() return own:call {"BLPOP", "nothing", 0, timeout = timeout} end,
    receive = function() return receiving:receive(timeout) or error "AGAIN" end,
    lease = timeout and function() return one:connection() end or nil,
  }, held
end

test("deadlines", function(r)
  local all, held = waits(r, 0.05)
  for name, wait in pairs(all) do
    local ok, e = pcall(wait)
    assert(not ok, name .. " did not end")
    local status = rredis.is_error(e) and e.status or tostring(e):match "AGAIN" or tostring(e):match "over"
    assert(({TIMEOUT = 1, AGAIN = 1, over = 1, BUSY = 1})[status], name .. ": " .. tostring(e))
  end
  held:close()
  same(r:ping(), true)
end)

test("a function that is asked ends every wait", function()
  local asked, ends = 0, false
  local r = rredis.new(URL, {interrupt = function() asked = asked + 1 return ends end})
  r:ping()
  local all, held = waits(r)
  ends = true
  for name, wait in pairs(all) do same(fails("WOKEN", wait).status, "WOKEN", name) end
  held:close()
  assert(asked >= 6)
  ends = false
  same(r:ping(), true)
  local raising = rredis.new(URL, {interrupt = function() error "enough" end})
  raises("enough", raising.blpop, raising, "nothing", 0)
end)

test("a wait in a coroutine ends as well", function(r)
  local co = coroutine.wrap(function() return r:call {"BLPOP", "nothing", 0, timeout = 0.02} end)
  fails("TIMEOUT", co)
end)

local function resident()
  local file = assert(io.open "/proc/self/statm")
  local pages = file:read("*a"):match "^%d+ (%d+)"
  file:close()
  return tonumber(pages) * 4
end

test("memory stays as it is", function(r)
  for i = 1, 50 do r:rpush("l", i) r:hset("h", i, i) end
  r:set("text", "x")
  r:callback("STRLEN", function(reply) return {reply, reply} end)
  local loop = r:async()
  local function work(count)
    for i = 1, count / 10 do
      r:set("k", i)
      r:get("k")
      r:lrange("l", 0, -1)
      r:hgetall("h")
      r:strlen("text")
      pcall(r.incr, r, "text")
      loop:go(function(own) own:get "k" pcall(own.incr, own, "text") end)
      loop:run()
      r:pipeline():get("k"):strlen("k"):incr("n"):run()
      r:transaction({"k"}, function(now, queue) queue:set("k", now:get("k")) end)
      if i % 100 == 0 then
        r:connection():close()
        local sub = r:pubsub()
        sub:subscribe("c")
        sub:close()
      end
    end
    collectgarbage()
    collectgarbage()
  end
  work(MANY)
  local before, heap = resident(), collectgarbage "count"
  work(MANY)
  assert(resident() - before < 4096, "resident memory grew by " .. resident() - before .. " KiB")
  assert(collectgarbage "count" - heap < 64, "Lua's heap grew by " .. collectgarbage "count" - heap .. " KiB")
end)

print(passed .. " tests passed" .. (is_jit and " under LuaJIT" or " under Lua 5.4"))

-- librredis for Lua: one API over two cores, rredis/luajit.lua for LuaJIT and rredis/core.c for Lua 5.4.
local jit_ = rawget(_G, "jit")
local core = require(jit_ and "rredis.luajit" or "rredis.core")
local unpack = table.unpack or unpack
local select, type, error, pcall, setmetatable, tostring = select, type, error, pcall, setmetatable, tostring

local M = {}

-- NULL among the elements of a reply. A reply that is NULL itself is nil.
M.null = setmetatable({}, {__tostring = function() return "rredis.null" end})

local Error = {}
Error.__index = Error
function Error:__tostring() return self.message end

local function failure(status, outcome, message, os_error, attempts)
  local code = status == "SERVER" and message:match "^%S+" or nil
  return setmetatable({status = status, outcome = outcome, message = message, os_error = os_error, attempts = attempts, code = code}, Error)
end
function M.is_error(value) return getmetatable(value) == Error end

-- What functions of the program's raised while the library called them: raised again where its call ends.
local raised
local functions, count = {}, 0
local results, number = {}, 0

local function keep(f)
  count = count + 1
  functions[count] = f
  return count
end

local function attempt(f, ...)
  local ok, result, other = pcall(f, ...)
  if ok then return nil, result, other end
  raised = raised or {result}
  return tostring(result)
end

-- What a transport, a stream of one, or a credentials function is asked. Each gives a value, or nil and what was wrong.
local function seconds(milliseconds) return milliseconds >= 0 and milliseconds / 1000 or nil end
local asks = {}
function asks.credentials(id, endpoint)
  local user, password = functions[id](endpoint)
  if type(password) ~= "string" then error("credentials gave no password: it gives a user name or nil, and a password", 0) end
  return password, user
end
function asks.connect(id, host, port, timeout)
  local stream, problem = functions[id]:connect(host, port, seconds(timeout))
  if not stream then return nil, problem end
  return keep(stream)
end
function asks.read(id, _, size, timeout) return functions[id]:read(size, seconds(timeout)) end
function asks.write(id, data, _, timeout) return functions[id]:write(data, seconds(timeout)) end
function asks.fd(id) return functions[id].fd and functions[id]:fd() or -1 end
function asks.close(id)
  local stream = functions[id]
  functions[id] = nil
  stream:close()
  return true
end

core.setup {
  null = M.null,
  error_of = function(text)
    local callback = text:match "^CALLBACK " and raised
    if callback then raised = nil; return callback[1] end
    local outcome = text:match "^(UNKNOWN) " or text:match "^(NOT_SENT) " or "REFUSED"
    return failure("SERVER", outcome, text, 0, 1)
  end,
  -- Each gives a text if it failed, and nothing otherwise.
  respond = function(id, at, value)
    local failed, result = attempt(functions[id], value)
    if failed then return failed end
    if at ~= 0 then results[at] = {result} end
  end,
  receive = function(id, value) return (attempt(functions[id], value)) end,
  each = function(id, index, value) return (attempt(functions[id], index, value)) end,
  ask = function(what, ...) return attempt(asks[what], ...) end,
  transact = function(id) return (attempt(functions[id])) end,
  interrupt = function(id)
    local failed, ends = attempt(functions[id])
    return failed or ends and "the program ends the wait" or nil
  end,
}

local function fail(...)
  if raised then
    local mine = raised[1]
    raised = nil
    error(mine, 0)
  end
  error(failure(...), 0)
end

-- A core gives true and a value, or false and what failed.
local function given(ok, value, ...)
  if ok then
    if raised then fail() end
    return value
  end
  return fail(value, ...)
end

-- The result of a response callback takes the place of the reply.
local function answered(at, ...)
  local result = results[at]
  results[at] = nil
  local value = given(...)
  if result then return result[1] end
  return value
end

local FLAGS = {raw = 1, idempotent = 2, no_retry = 4, alone = 32, primary = 64}
local TIMEOUT = 8

-- The flags and the milliseconds that a table of options asks for.
local function asked(how)
  local flags, milliseconds = 0, 0
  for name, flag in pairs(FLAGS) do if how[name] then flags = flags + flag end end
  if how.timeout then
    flags = flags + TIMEOUT
    milliseconds = how.timeout < 0 and -1 or math.floor(how.timeout * 1000)
  end
  return flags, milliseconds
end

-- Commands as methods: `client:hgetall(key)` sends HGETALL, `client:config_get(name)` sends CONFIG GET.
local CONTAINERS = {}
for word in ("acl client cluster command config debug function latency memory module object pubsub script slowlog xgroup xinfo"):gmatch "%a+" do
  CONTAINERS[word] = true
end
local function commands(class)
  return setmetatable(class, {__index = function(_, name)
    if type(name) ~= "string" then return nil end
    local first, rest = name:match "^(%a+)_(.+)$"
    local method
    if first and CONTAINERS[first] then
      first, rest = first:upper(), rest:upper():gsub("_", "-")
      method = function(self, ...) return self:call(first, rest, ...) end
    else
      local word = name:upper()
      method = function(self, ...) return self:call(word, ...) end
    end
    class[name] = method
    return method
  end})
end

local function class()
  local it = {}
  it.__index = it
  function it:close() core.free(self.handle) end
  it.__close = it.close
  return it
end

local Client, Pipeline, Reader, Pubsub, Connection, Script, Async = class(), class(), class(), class(), class(), class(), class()
commands(Client); commands(Pipeline); commands(Reader); commands(Connection); commands(Async)
-- A pipeline's reader has no handle of its own.
Reader.close = nil

local command = core.command

-- rredis.new("redis://127.0.0.1:6379", {pool_max = 16, on_event = f, on_push = f, interrupt = f, credentials = f, transport = t}).
-- credentials gives a user name or nil, and a password. A transport has connect(self, host, port, timeout), which gives a stream;
-- that has read(self, size, timeout), which gives a string ("" is the end), write(self, data, timeout), which gives how many bytes
-- went, close(self), and perhaps fd(self). Each may give nil and "timeout", or nil and what was wrong. With interruptible = false a
-- debug hook ends no wait.
function M.new(url, options)
  local settings, own, hooked = {}, {}, true
  for name, value in pairs(options or {}) do
    if name == "interruptible" then hooked = value
    elseif type(value) == "function" or name == "transport" then own[name] = keep(value)
    else settings[name] = value end
  end
  local handle = given(core.new(url or "redis://127.0.0.1:6379", settings, own, hooked))
  return setmetatable({handle = handle, callbacks = false}, Client)
end

-- client:call("GET", key), or client:call{"BLPOP", key, 0, timeout = 0.5}
function Client:call(first, ...)
  if type(first) == "table" then return self:_with(first, unpack(first)) end
  if self.callbacks then return self:_with({}, first, ...) end
  return given(command(self.handle, first, ...))
end

function Client:_with(how, ...)
  local flags, milliseconds = asked(how)
  number = number + 1
  local at = number
  return answered(at, core.command_with(self.handle, flags, milliseconds, at, ...))
end

-- What f makes of each reply to a command is what its calls give; nil: the library's own shape again.
function Client:callback(name, f)
  given(core.set_callback(self.handle, name, f and keep(f) or 0))
  self.callbacks = true
end

-- A client of the one server that has a key's slot, or of an endpoint: client:at{key = "user:1"}, client:at{server = "host:port"}
function Client:at(target)
  local kind = target.key and 1 or 0
  return setmetatable({handle = given(core.at(self.handle, kind, target.key or target.server)), callbacks = self.callbacks}, Client)
end

function Client:wake() return core.wake(self.handle) end
function Client:stat(name) return core.stat(self.handle, name) end
function Client:servers() return given(core.servers(self.handle)) end

function Client:pipeline() return setmetatable({handle = given(core.pipeline(self.handle)), client = self, numbers = {}}, Pipeline) end

-- client:transaction({"key"}, function(now, queue) local n = now:get("key"); queue:set("key", n + 1) end)
function Client:transaction(keys, f, timeout)
  local pipeline = self:pipeline()
  local now = setmetatable({handle = pipeline.handle}, Reader)
  local id = keep(function() pipeline.numbers = {}; f(now, pipeline) end)
  local milliseconds = timeout and math.floor(timeout * 1000) or -1
  local ok, value, a, b, c, d = core.transact(pipeline.handle, id, milliseconds, unpack(keys))
  functions[id] = nil
  local replies = ok and pipeline:_replies(value) or value
  core.free(pipeline.handle)
  return given(ok, replies, a, b, c, d)
end

function Client:pubsub() return setmetatable({handle = given(core.pubsub(self.handle))}, Pubsub) end
function Client:connection() return setmetatable({handle = given(core.conn(self.handle)), client = self}, Connection) end
function Client:async() return setmetatable({handle = given(core.async(self.handle)), waiting = {}, count = 0}, Async) end
function Client:script(text) return setmetatable({handle = given(core.script(text)), client = self}, Script) end

-- for key in client:scan_each("MATCH", "a*") do
function Client:scan_each(...)
  local cursor, keys, at, words = "0", {}, 0, {...}
  local begun = false
  return function()
    while at >= #keys do
      if begun and cursor == "0" then return nil end
      local page = self:scan(cursor, unpack(words))
      begun, cursor, keys, at = true, tostring(page[1]), page[2], 0
    end
    at = at + 1
    return keys[at]
  end
end

function Reader:call(...) return given(core.now(self.handle, ...)) end

function Pipeline:call(first, ...)
  number = number + 1
  self.numbers[#self.numbers + 1] = number
  local ok, status, a, b, c, d
  if type(first) == "table" then
    ok, status, a, b, c, d = core.add(self.handle, (asked(first)), number, unpack(first))
  else
    ok, status, a, b, c, d = core.add(self.handle, 0, number, first, ...)
  end
  if not ok then
    self.numbers[#self.numbers] = nil
    return fail(status, a, b, c, d)
  end
  return self
end

function Pipeline:_replies(replies)
  for at, of in ipairs(self.numbers) do
    local result = results[of]
    if result then
      replies[at], results[of] = result[1], nil
    end
  end
  return replies
end

-- The replies, in order; those that are errors are tables with fields. {atomic = true} makes it a transaction.
function Pipeline:run(how)
  how = how or {}
  local flags, milliseconds = asked(how)
  local ok, value, a, b, c, d = core.run(self.handle, how.atomic and 1 or 0, flags, milliseconds)
  if ok then
    value = self:_replies(value)
    core.clear(self.handle)
    self.numbers = {}
    return given(ok, value)
  end
  -- Which command could not be queued, or has no reply.
  local at = core.failed(self.handle)
  core.clear(self.handle)
  self.numbers = {}
  if raised then fail() end
  local e = failure(value, a, b, c, d)
  e.index = at >= 0 and at + 1 or nil
  error(e, 0)
end

-- f(index, reply) for each reply as it arrives; index is from 1. None is kept.
function Pipeline:each(f, how)
  local flags, milliseconds = asked(how or {})
  local id = keep(f)
  local ok, value, a, b, c, d = core.each(self.handle, flags, milliseconds, id)
  functions[id], self.numbers = nil, {}
  core.clear(self.handle)
  given(ok, value, a, b, c, d)
end

-- Until the run, `now` reads at once, and the run is a transaction: WATCH if another client changed one of the keys.
function Pipeline:watch(...)
  given(core.watch(self.handle, ...))
  return setmetatable({handle = self.handle}, Reader)
end

function Pipeline:clear() core.clear(self.handle); self.numbers = {} end
function Pipeline:len() return core.len(self.handle) end
function Pipeline:wake() return core.wake(self.handle) end

function Pubsub:subscribe(...) given(core.subscribe(self.handle, 0, ...)) end
function Pubsub:psubscribe(...) given(core.subscribe(self.handle, 1, ...)) end
function Pubsub:ssubscribe(...) given(core.subscribe(self.handle, 2, ...)) end
function Pubsub:unsubscribe(...) given(core.unsubscribe(self.handle, 0, ...)) end
function Pubsub:punsubscribe(...) given(core.unsubscribe(self.handle, 1, ...)) end
function Pubsub:sunsubscribe(...) given(core.unsubscribe(self.handle, 2, ...)) end

-- The next message, or nil where none arrived within so many seconds; without a timeout it waits for ever.
function Pubsub:next(timeout)
  local push = given(core.next(self.handle, timeout and math.floor(timeout * 1000) or -1))
  if not push then return nil end
  local pattern = push[2]
  return {type = push[1], pattern = pattern ~= M.null and pattern or nil, channel = push[3], data = push[4]}
end
function Pubsub:messages() return function() return self:next() end end
function Pubsub:fd() return core.fd(self.handle) end
function Pubsub:wake() return core.wake(self.handle) end

function Connection:call(first, ...)
  number = number + 1
  local at = number
  if type(first) == "table" then
    local flags, milliseconds = asked(first)
    return answered(at, core.conn_command(self.handle, flags, milliseconds, at, unpack(first)))
  end
  return answered(at, core.conn_command(self.handle, 0, 0, at, first, ...))
end
-- With connection:send{"GET", key, more = true} the next `send` or `receive` writes it.
function Connection:send(first, ...)
  if type(first) ~= "table" then return given(core.conn_send(self.handle, 0, first, ...)) end
  given(core.conn_send(self.handle, first.more and 512 or 0, unpack(first)))
end
-- The next reply, push or line of MONITOR; nil where none arrived within so many seconds.
function Connection:receive(timeout)
  return given(core.conn_receive(self.handle, timeout and math.floor(timeout * 1000) or -1))
end
-- To be watched for reading: `receive` with 0 until it gives nil before each wait.
function Connection:fd() return core.fd(self.handle) end
function Connection:wake() return core.wake(self.handle) end

function Script:sha() return core.sha(self.handle) end
local function joined(keys, args)
  local all = {}
  for _, key in ipairs(keys or {}) do all[#all + 1] = key end
  for _, arg in ipairs(args or {}) do all[#all + 1] = arg end
  return all, keys and #keys or 0
end
-- script:run({keys}, {args}), or script:run(keys, args, {timeout = 0.5})
function Script:run(keys, args, how)
  local all, of_keys = joined(keys, args)
  local flags, milliseconds = asked(how or {})
  number = number + 1
  local at = number
  return answered(at, core.script_run(self.handle, self.client.handle, flags, milliseconds, at, of_keys, unpack(all)))
end
Script.__call = Script.run
-- Queue it in a pipeline.
function Script:add(pipeline, keys, args)
  local all, of_keys = joined(keys, args)
  number = number + 1
  given(core.script_add(self.handle, pipeline.handle, number, of_keys, unpack(all)))
  pipeline.numbers[#pipeline.numbers + 1] = number
  return pipeline
end

-- A connection for an event loop. Watch `fd` for reading, and call `round` when it is readable.

-- f(reply) when the command has completed, or f(nil, failure); the first argument of the command may be a table, as for `call`.
function Async:submit(f, first, ...)
  number = number + 1
  local at = number
  if type(first) == "table" then
    local flags, milliseconds = asked(first)
    given(core.submit(self.handle, flags, milliseconds, at, unpack(first)))
  else
    given(core.submit(self.handle, 0, 0, at, first, ...))
  end
  self.waiting[at], self.count = f, self.count + 1
end

-- One round: what has arrived is passed on. It is repeated while anything arrives, so a loop may watch for edges. Gives how many
-- commands have not completed yet.
function Async:round()
  given(core.step(self.handle))
  local again = true
  while again do
    again = self:_passed(core.completed(self.handle))
  end
  if raised then fail() end
  return self.count
end

function Async:_passed(at, ok, value, ...)
  if not at then return false end
  local f, result = self.waiting[at], results[at]
  self.waiting[at], results[at] = nil, nil
  -- A push, or a connect that failed and is tried again, is no command's.
  if not f then return true end
  self.count = self.count - 1
  if ok then f(result and result[1] or value)
  else
    local mine = raised and raised[1]
    raised = nil
    f(nil, mine or failure(value, ...))
  end
  return true
end

function Async:fd() return core.fd(self.handle) end
-- The seconds until the library has something to do, or nil. A loop does not need them: the descriptor is readable then.
function Async:deadline() return seconds(core.deadline(self.handle)) end

-- In a coroutine of `go`, commands are methods, which give their replies and raise their errors: others run meanwhile.
function Async:call(...)
  local routine, reply, e, over, asleep = coroutine.running(), nil, nil, false, false
  self:submit(function(...)
    reply, e, over = ..., select(2, ...), true
    if asleep then self:_resume(routine) end
  end, ...)
  if not over then
    asleep = true
    coroutine.yield()
  end
  if e ~= nil then error(e, 0) end
  return reply
end

function Async:_resume(routine)
  local ok, e = coroutine.resume(routine)
  if not ok then error(e, 0) end
end

-- Begin f(self) in a coroutine. What it raises is raised by `go`, `round` or `run`.
function Async:go(f) self:_resume(coroutine.create(function() f(self) end)) end

-- For programs without a loop of their own: rounds until every command has completed, or so many seconds are over.
function Async:run(timeout)
  local left = timeout and math.floor(timeout * 1000)
  while self:round() > 0 do
    if left and left <= 0 then return self.count end
    local wait = math.min(left or 100, 100)
    -- Time that passes while there is work is not counted.
    if not core.readable(self.handle, wait) and left then left = left - wait end
  end
  return 0
end

M.version = core.version
return M

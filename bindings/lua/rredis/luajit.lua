-- The core of rredis.lua for LuaJIT: the library's declarations are read as they are, and nothing is compiled.
--
-- A function gives true and a value, or false, the names of status and outcome, the message, errno and the tries: rredis.lua raises.
-- What has no timeout of its own ends when a debug hook is set, as the luajit program does on Ctrl-C.
local ffi = require "ffi"
local M = {}

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file and path
end

-- The folder of this file, and those above it, in which the library may have been installed.
local here = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$" or "."
local above, up = {}, here
for _ = 1, 6 do above[#above + 1], up = up, up .. "/.." end
above[#above + 1], above[#above + 2] = "/usr/local", "/usr"

local function declarations()
  local named = os.getenv "RREDIS_FFI_H"
  local path = named or exists(here .. "/rredis.ffi.h")
  for _, folder in ipairs(above) do path = path or exists(folder .. "/share/rredis/rredis.ffi.h") end
  local file = assert(io.open(path or error "rredis.ffi.h is not found: RREDIS_FFI_H may name it"))
  local text = file:read "*a"
  file:close()
  return text
end

local function library()
  local path = os.getenv "RREDIS_LIBRARY"
  for _, folder in ipairs(above) do
    path = path or exists(folder .. "/librredis.so.1") or exists(folder .. "/lib/librredis.so.1")
  end
  return ffi.load(path or "librredis.so.1")
end

local text = declarations()
ffi.cdef(text)
ffi.cdef [[
int lua_gethookmask(void *L);
struct rredis_pollfd { int fd; short events, revents; };
int poll(struct rredis_pollfd *fds, unsigned long nfds, int timeout);
]]
local rr = library()
M.version = ffi.string(rr.rredis_version())
assert(rr.rredis_version_number() >= tonumber(rr.RREDIS_VERSION_OF_HEADER), "librredis is older than rredis.ffi.h")

local options, stats = {}, {}
for name, value in text:gmatch "RREDIS_OPTION_([%u%d_]+) = (%d+)" do options[name:lower()] = tonumber(value) end
for name, value in text:gmatch "RREDIS_STAT_([%u%d_]+) = (%d+)" do stats[name:lower()] = tonumber(value) end

local AGAIN, CALLBACK = 3, 80
local new, cast, string_of = ffi.new, ffi.cast, ffi.string
local tonumber, tostring, type, pcall, select = tonumber, tostring, type, pcall, select
local void = ffi.typeof "void *"

local null, functions
function M.setup(given) functions, null = given, given.null end

-- Values

-- An integer that a number holds exactly is one; any other is an int64_t.
local function integer(number)
  if number >= -9007199254740992LL and number <= 9007199254740992LL then return tonumber(number) end
  return number
end

local value
local function elements(node, kind)
  local found, count, all = {}, tonumber(node.len), node.elements
  if kind == 22 then
    for i = 0, count - 2, 2 do
      local key = value(all[i], true)
      -- A key is looked up by its value, which a boxed number is not; and none is not a number.
      if type(key) == "cdata" or key ~= key then key = string_of(all[i].str, all[i].len) end
      found[key] = value(all[i + 1], true)
    end
  else
    for i = 0, count - 1 do
      local one = all[i]
      if tonumber(one.kind) == 10 then found[i + 1] = string_of(one.str, one.len) else found[i + 1] = value(one, true) end
    end
  end
  return found
end

function value(node, inner)
  local kind = tonumber(node.kind)
  if kind == 10 or kind == 11 then return string_of(node.str, node.len) end
  if kind == 0 then
    if inner then return null end
    return nil
  end
  if kind == 1 then return integer(node.integer) end
  if kind == 2 then return node.integer == 1 end
  if kind == 15 then return node.number end
  if kind == 12 then return functions.error_of(string_of(node.str, node.len)) end
  if kind < 20 then return string_of(node.str, node.len) end
  return elements(node, kind)
end

-- Calls

-- One error is enough for a Lua state: nothing of the program's runs between a call and the reading of its error.
local err = new "rredis_error"
local function failed()
  return false, string_of(rr.rredis_status_name(err.status)), string_of(rr.rredis_status_outcome_name(err.outcome)),
    string_of(err.message), tonumber(err.os_error), tonumber(err.attempts)
end

-- In a protected call, so that no error of Lua's leaks the reply.
local function replied(status, out)
  if status ~= 0 then return failed() end
  local reply = out[0]
  local ok, found = pcall(value, reply)
  rr.rredis_reply_free(reply)
  if not ok then error(found, 0) end
  return true, found
end

local function done(status)
  if status ~= 0 then return failed() end
  return true
end

local function text_of(at, given)
  local kind = type(given)
  if kind == "string" then return given end
  if kind == "number" then
    -- A whole number is sent without a point or an exponent, and any other with all of its digits.
    if given % 1 == 0 and given > -1e18 and given < 1e18 then return (("%.0f"):format(given)) end
    return (("%.17g"):format(given))
  end
  if kind == "cdata" then
    local digits = tostring(given):match "^(-?%d+)U?LL$"
    if digits then return digits end
  end
  error(("argument %d is a %s, and has to be a string or a number"):format(at, kind), 0)
end

-- Room for the arguments of a call, by its depth: a function that is called back may call again.
local rooms, depth = {}, 1
for i = 1, 8 do
  rooms[i] = {texts = new "const char *[32]", lens = new "size_t[32]", out = new "rredis_reply *[1]", keep = {}}
end

-- The strings of `keep` stay where they are while the room refers to them.
local function room_for(...)
  local count, room = select("#", ...), rooms[depth]
  if count > 32 or room == nil then
    room = {texts = new("const char *[?]", count + 1), lens = new("size_t[?]", count + 1), out = new "rredis_reply *[1]", keep = {}}
  end
  local texts, lens, keep = room.texts, room.lens, room.keep
  for i = 1, count do
    local one = select(i, ...)
    if type(one) ~= "string" then one = text_of(i, one) end
    keep[i], texts[i - 1], lens[i - 1] = one, one, #one
  end
  return count, room
end

-- The commonest calls have their arguments named: what a trace of the compiler's has in registers.
local function room_of_2(a, b)
  local room = rooms[depth] or {texts = new "const char *[2]", lens = new "size_t[2]", out = new "rredis_reply *[1]", keep = {}}
  if type(a) ~= "string" then a = text_of(1, a) end
  if type(b) ~= "string" then b = text_of(2, b) end
  local texts, lens, keep = room.texts, room.lens, room.keep
  keep[1], keep[2] = a, b
  texts[0], texts[1], lens[0], lens[1] = a, b, #a, #b
  return room
end

local function room_of_3(a, b, c)
  local room = rooms[depth] or {texts = new "const char *[3]", lens = new "size_t[3]", out = new "rredis_reply *[1]", keep = {}}
  if type(a) ~= "string" then a = text_of(1, a) end
  if type(b) ~= "string" then b = text_of(2, b) end
  if type(c) ~= "string" then c = text_of(3, c) end
  local texts, lens, keep = room.texts, room.lens, room.keep
  keep[1], keep[2], keep[3] = a, b, c
  texts[0], texts[1], texts[2], lens[0], lens[1], lens[2] = a, b, c, #a, #b, #c
  return room
end

-- A handle: what it points to, the function that frees it, and whether functions of Lua's may be called back in its calls.
local Handle = {}
Handle.__index = Handle
local function handle(pointer, free, kind, careful)
  return setmetatable({it = ffi.gc(pointer, free), free = free, kind = kind, careful = careful}, Handle)
end
local function opened(given)
  return given.it or error("the rredis " .. given.kind .. " is closed", 0)
end

-- What is called back. Each is one C function for all Lua functions, which user_data numbers.

local function number_of(pointer) return tonumber(cast("intptr_t", pointer)) end
local function numbered(number) return cast(void, cast("intptr_t", number)) end

local function within(err, ...)
  -- What the call that is interrupted here has in its room is still read by the library.
  depth = depth + 1
  local ok, failure = pcall(...)
  depth = depth - 1
  if ok and not failure then return 0 end
  if err ~= nil then
    local told = tostring(failure):sub(1, 239)
    ffi.copy(err.message, told)
  end
  return CALLBACK
end

local respond = cast("rredis_callback_fn", function(id, call_data, _, _, _, reply, _, err)
  return within(err, function() return functions.respond(number_of(id), number_of(call_data), value(reply)) end)
end)
local receive = cast("rredis_reply_fn", function(id, reply)
  within(nil, function() return functions.receive(number_of(id), value(reply)) end)
end)
local each = cast("rredis_each_fn", function(id, index, reply, err)
  return within(err, function() return functions.each(number_of(id), tonumber(index) + 1, value(reply)) end)
end)
local transact = cast("rredis_transaction_fn", function(id, _, err)
  return within(err, functions.transact, number_of(id))
end)
local interrupt = cast("rredis_interrupt_fn", function(id) return within(nil, functions.interrupt, number_of(id)) end)

-- What a transport or a credentials function is asked: its answer is a value, or nil and what was wrong.
local function ask(err, take, what, id, text, size, milliseconds)
  local status = 0
  local failure = within(err, function()
    local failed, found, problem = functions.ask(what, number_of(id), text, size, tonumber(milliseconds))
    if failed then return failed end
    if found ~= nil then return take(found, problem) end
    status = problem == "timeout" and AGAIN or 11
    if err ~= nil and status ~= AGAIN then ffi.copy(err.message, tostring(problem or "the transport failed"):sub(1, 239)) end
  end)
  return failure ~= 0 and failure or status
end

local credentials = cast("rredis_credentials_fn", function(id, endpoint, len, builder, err)
  return ask(err, function(password, user)
    if user then rr.rredis_builder_add_text(builder, 10, user, #user) else rr.rredis_builder_add_null(builder) end
    rr.rredis_builder_add_text(builder, 10, password, #password)
  end, "credentials", id, string_of(endpoint, len), 0, 0)
end)

local transport_of = new "rredis_transport"
transport_of.size, transport_of.name = ffi.sizeof "rredis_transport", "lua"
transport_of.connect = function(id, host, len, port, milliseconds, out, err)
  local status = ask(err, function(stream) out[0] = numbered(stream) end, "connect", id, string_of(host, len), port, milliseconds)
  return status == AGAIN and 12 or status
end
transport_of.read = function(stream, buffer, len, milliseconds, out, err)
  return ask(err, function(data)
    if #data > tonumber(len) then return "the transport has read more than it was asked for" end
    ffi.copy(buffer, data, #data)
    out[0] = #data
  end, "read", stream, "", tonumber(len), milliseconds)
end
transport_of.write = function(stream, bytes, len, milliseconds, out, err)
  return ask(err, function(moved) out[0] = moved end, "write", stream, string_of(bytes, len), 0, milliseconds)
end
transport_of.close = function(stream) ask(nil, function() end, "close", stream, "", 0, 0) end
transport_of.fd = function(stream)
  local found = -1
  ask(nil, function(fd) found = fd end, "fd", stream, "", 0, 0)
  return found
end

local no_callback, no_free = cast("rredis_callback_fn", nil), cast("rredis_free_fn", nil)

-- A coroutine of this Lua state, which tells whether the state has a hook: the function that asks is LuaJIT's own.
M.anchor = coroutine.create(function() end)
local state = cast(void, tonumber((tostring(M.anchor):match "0x(%x+)"), 16))
local hooked = cast("rredis_interrupt_fn", ffi.C.lua_gethookmask)

-- Clients

local function set(made, url, settings, own, is_hooked)
  if rr.rredis_options_set_url(made, url, #url, err) ~= 0 then return false end
  if is_hooked and rr.rredis_options_on_interrupt(made, hooked, state, no_free, err) ~= 0 then return false end
  for name, one in pairs(settings) do
    local option = options[name] or error("there is no option " .. tostring(name), 0)
    local status
    if type(one) == "number" then status = rr.rredis_options_set_int(made, option, one, err)
    else
      if type(one) ~= "string" then error("the option " .. name .. " is no string or number", 0) end
      status = rr.rredis_options_set_str(made, option, one, #one, err)
    end
    if status ~= 0 then return false end
  end
  for name, id in pairs(own) do
    local status
    if name == "on_event" then status = rr.rredis_options_on_event(made, receive, numbered(id), no_free, err)
    elseif name == "on_push" then status = rr.rredis_options_on_push(made, receive, numbered(id), no_free, err)
    elseif name == "interrupt" then status = rr.rredis_options_on_interrupt(made, interrupt, numbered(id), no_free, err)
    elseif name == "credentials" then status = rr.rredis_options_set_credentials(made, credentials, numbered(id), no_free, err)
    elseif name == "transport" then
      transport_of.user_data = numbered(id)
      status = rr.rredis_options_set_transport(made, transport_of, err)
    else error("there is no function " .. name .. ": on_event, on_push, interrupt, credentials or transport", 0) end
    if status ~= 0 then return false end
  end
  return true
end

function M.new(url, settings, own, is_hooked)
  local made = ffi.gc(rr.rredis_options_new(), rr.rredis_options_free)
  local out = new "rredis_client *[1]"
  if not set(made, url, settings, own, is_hooked) or rr.rredis_client_new(made, out, err) ~= 0 then return failed() end
  return true, handle(out[0], rr.rredis_client_free, "client", next(own) ~= nil)
end

-- A call in which a function of Lua's may be called back must not be compiled: this stays in the interpreter.
local function interpreted(client, count, room)
  return replied(rr.rredis_client_command(client, count, room.texts, room.lens, room.out, err), room.out)
end
jit.off(interpreted)

function M.command(client, ...)
  local it, count, room = opened(client), select("#", ...), nil
  if count == 2 then room = room_of_2(...)
  elseif count == 3 then room = room_of_3(...)
  else count, room = room_for(...) end
  if client.careful then return interpreted(it, count, room) end
  return replied(rr.rredis_client_command(it, count, room.texts, room.lens, room.out, err), room.out)
end

function M.command_with(client, flags, milliseconds, number, ...)
  local it, count, room = opened(client), room_for(...)
  local status = rr.rredis_client_command_with(it, count, room.texts, room.lens, flags, milliseconds, numbered(number), room.out, err)
  return replied(status, room.out)
end

function M.set_callback(client, name, id)
  client.careful = true
  local f = id ~= 0 and respond or no_callback
  return done(rr.rredis_client_set_callback(opened(client), name, #name, f, numbered(id), no_free, err))
end

function M.stat(client, name)
  local found = tonumber(rr.rredis_client_stat(opened(client), stats[name] or error("there is no such statistic", 0)))
  return found >= 0 and found or nil
end

function M.servers(client)
  local out = new "rredis_reply *[1]"
  return replied(rr.rredis_client_servers(opened(client), out, err), out)
end

function M.at(client, kind, target)
  local out = new "rredis_client *[1]"
  if rr.rredis_client_new_at(opened(client), kind, target, #target, out, err) ~= 0 then return failed() end
  return true, handle(out[0], rr.rredis_client_free, "client", client.careful)
end

local function maker(kind, make, free)
  local out_type = ffi.typeof("rredis_" .. kind .. " *[1]")
  return function(client)
    local out = out_type()
    if make(opened(client), out, err) ~= 0 then return failed() end
    return true, handle(out[0], free, kind, true)
  end
end
M.pipeline = maker("pipeline", rr.rredis_pipeline_new, rr.rredis_pipeline_free)
M.pubsub = maker("pubsub", rr.rredis_pubsub_new, rr.rredis_pubsub_free)
M.conn = maker("conn", rr.rredis_conn_new, rr.rredis_conn_free)
M.async = maker("async", rr.rredis_async_new, rr.rredis_async_free)

function M.script(text)
  local out = new "rredis_script *[1]"
  if rr.rredis_script_new(text, #text, out, err) ~= 0 then return failed() end
  return true, handle(out[0], rr.rredis_script_free, "script", false)
end

-- Pipelines

function M.add(pipeline, flags, number, ...)
  local it, count, room = opened(pipeline), room_for(...)
  return done(rr.rredis_pipeline_add_with(it, count, room.texts, room.lens, flags, numbered(number), err))
end

function M.run(pipeline, mode, flags, milliseconds)
  local out = new "rredis_reply *[1]"
  return replied(rr.rredis_pipeline_run_with(opened(pipeline), mode, flags, milliseconds, out, err), out)
end

function M.each(pipeline, flags, milliseconds, id)
  return done(rr.rredis_pipeline_run_each(opened(pipeline), flags, milliseconds, each, numbered(id), err))
end

function M.watch(pipeline, ...)
  local it, count, room = opened(pipeline), room_for(...)
  return done(rr.rredis_pipeline_watch(it, count, room.texts, room.lens, err))
end

function M.now(pipeline, ...)
  local it, count, room = opened(pipeline), room_for(...)
  return replied(rr.rredis_pipeline_command(it, count, room.texts, room.lens, room.out, err), room.out)
end

function M.transact(pipeline, id, milliseconds, ...)
  local it, count, room = opened(pipeline), room_for(...)
  local status = rr.rredis_pipeline_transact(it, count, room.texts, room.lens, transact, numbered(id), milliseconds, room.out, err)
  return replied(status, room.out)
end

function M.clear(pipeline) rr.rredis_pipeline_clear(opened(pipeline)) end
function M.failed(pipeline) return tonumber(rr.rredis_pipeline_failed(opened(pipeline))) end
function M.len(pipeline) return tonumber(rr.rredis_pipeline_len(opened(pipeline))) end

-- Subscribers

function M.subscribe(pubsub, topic, ...)
  local it, count, room = opened(pubsub), room_for(...)
  return done(rr.rredis_pubsub_subscribe(it, topic, count, room.texts, room.lens, err))
end

function M.unsubscribe(pubsub, topic, ...)
  local it, count, room = opened(pubsub), room_for(...)
  return done(rr.rredis_pubsub_unsubscribe(it, topic, count, room.texts, room.lens, err))
end

function M.next(pubsub, milliseconds)
  local out = new "rredis_reply *[1]"
  local status = rr.rredis_pubsub_next(opened(pubsub), milliseconds, out, err)
  if status == AGAIN then return true end
  return replied(status, out)
end

function M.fd(given)
  local it, kind = opened(given), given.kind
  if kind == "pubsub" then return rr.rredis_pubsub_fd(it) end
  return kind == "conn" and rr.rredis_conn_fd(it) or rr.rredis_async_fd(it)
end

-- Event loops

function M.submit(async, flags, milliseconds, number, ...)
  local it, count, room = opened(async), room_for(...)
  return done(rr.rredis_async_submit(it, count, room.texts, room.lens, flags, milliseconds, numbered(number), err))
end

function M.step(async) return done(rr.rredis_async_step(opened(async), 1, err)) end

-- The number of a command, and how it ended; nothing where nothing has arrived.
function M.completed(async)
  local out, number = new "rredis_reply *[1]", new "void *[1]"
  local status = rr.rredis_async_next(opened(async), out, number, err)
  if status == AGAIN then return nil end
  return number_of(number[0]), replied(status, out)
end

function M.deadline(async) return tonumber(rr.rredis_async_deadline_ms(opened(async))) end

-- Whether the descriptor is readable within so many milliseconds.
function M.readable(async, milliseconds)
  local one = new("struct rredis_pollfd[1]", {{rr.rredis_async_fd(opened(async)), 1, 0}})
  return ffi.C.poll(one, 1, milliseconds) > 0
end

-- Connections

function M.conn_command(conn, flags, milliseconds, number, ...)
  local it, count, room = opened(conn), room_for(...)
  local status = rr.rredis_conn_command_with(it, count, room.texts, room.lens, flags, milliseconds, numbered(number), room.out, err)
  return replied(status, room.out)
end

function M.conn_send(conn, flags, ...)
  local it, count, room = opened(conn), room_for(...)
  return done(rr.rredis_conn_send_with(it, count, room.texts, room.lens, flags, err))
end

function M.conn_receive(conn, milliseconds)
  local out = new "rredis_reply *[1]"
  local status = rr.rredis_conn_receive(opened(conn), milliseconds, out, err)
  if status == AGAIN then return true end
  return replied(status, out)
end

-- Scripts

function M.sha(script) return string_of(rr.rredis_script_sha(opened(script))) end

function M.script_run(script, client, flags, milliseconds, number, keys, ...)
  local it, count, room = opened(script), room_for(...)
  local status = rr.rredis_script_run_with(it, opened(client), keys, count, room.texts, room.lens, flags, milliseconds,
    numbered(number), room.out, err)
  return replied(status, room.out)
end

function M.script_add(script, pipeline, number, keys, ...)
  local it, count, room = opened(script), room_for(...)
  return done(rr.rredis_script_add_with(it, opened(pipeline), keys, count, room.texts, room.lens, 0, numbered(number), err))
end

-- All handles

function M.free(given)
  local it = given.it
  if it then
    given.it = nil
    given.free(ffi.gc(it, nil))
  end
end

function M.wake(given)
  local it, kind = opened(given), given.kind
  if kind == "client" then return tonumber(rr.rredis_client_wake(it, nil)) end
  if kind == "pipeline" then return tonumber(rr.rredis_pipeline_wake(it)) end
  if kind == "conn" then return tonumber(rr.rredis_conn_wake(it)) end
  rr.rredis_pubsub_wake(it)
  return 0
end

-- Except for plain commands, whose clients say whether anything is called back, all that may call back is interpreted.
for _, name in ipairs {"command_with", "servers", "pipeline", "pubsub", "conn", "run", "each", "watch", "now", "transact", "subscribe",
  "unsubscribe", "next", "conn_command", "conn_send", "conn_receive", "script_run", "free", "clear", "at", "async", "submit", "step", "completed", "readable"} do
  jit.off(M[name])
end

return M

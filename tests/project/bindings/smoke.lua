-- LuaJIT reads the header itself: what it declares is what can be called.
-- luajit smoke.lua LIBRARY HEADER HOST PORT
local ffi = require "ffi"
local library, header, host, port = arg[1], arg[2], arg[3], tonumber(arg[4])

-- A preprocessor's lines, and the bracket that only C++ reads, are not C.
local text = assert(io.open(header)):read "*a"
text = text:gsub("\n#ifdef __cplusplus.-\n#endif[^\n]*", "\n"):gsub("\n%s*#[^\n]*", "\n")
ffi.cdef(text)
local rr = ffi.load(library)

local err = ffi.new "rredis_error"
local function check(status)
  if status ~= rr.RREDIS_OK then
    error(ffi.string(rr.rredis_status_name(status)) .. ": " .. ffi.string(err.message), 2)
  end
end

assert(rr.rredis_version_number() == rr.RREDIS_VERSION_OF_HEADER)
local options = ffi.gc(rr.rredis_options_new(), rr.rredis_options_free)
check(rr.rredis_options_set_str(options, rr.RREDIS_OPTION_HOST, host, #host, err))
check(rr.rredis_options_set_int(options, rr.RREDIS_OPTION_PORT, port, err))
local out = ffi.new "rredis_client *[1]"
check(rr.rredis_client_new(options, out, err))
local client = ffi.gc(out[0], rr.rredis_client_free)

-- The reply, or nil with err filled.
local function command(flags, ...)
  local args = {...}
  local argv, lens, reply = ffi.new("const char *[?]", #args), ffi.new("size_t[?]", #args), ffi.new "rredis_reply *[1]"
  for i, text in ipairs(args) do argv[i - 1], lens[i - 1] = text, #text end
  if rr.rredis_client_command_with(client, #args, argv, lens, flags, 0, nil, reply, err) ~= rr.RREDIS_OK then return nil end
  return ffi.gc(reply[0], rr.rredis_reply_free)
end
local function text_of(node) return ffi.string(node.str, node.len) end

-- SET and GET, of any bytes.
local bytes = "a\0b\255"
assert(text_of(command(rr.RREDIS_CALL_RAW, "SET", "lua:key", bytes)) == "OK")
local got = command(rr.RREDIS_CALL_RAW, "GET", "lua:key")
assert(got.kind == rr.RREDIS_REPLY_STRING and text_of(got) == bytes)
assert(command(0, "GET", "lua:absent").kind == rr.RREDIS_REPLY_NULL)

-- A map, walked in place.
command(0, "DEL", "lua:hash")
assert(command(0, "HSET", "lua:hash", "one", "1", "two", "2").integer == 2)
local map = command(rr.RREDIS_CALL_RAW, "HGETALL", "lua:hash")
assert(map.kind == rr.RREDIS_REPLY_MAP and map.len == 4)
local seen = {}
for i = 0, tonumber(map.len) - 1, 2 do seen[text_of(map.elements[i])] = text_of(map.elements[i + 1]) end
assert(seen.one == "1" and seen.two == "2")
assert(text_of(rr.rredis_reply_find(map, "two", 3)) == "2")

-- An error: what, in which words, and what became of the command.
assert(command(0, "INCR", "lua:hash") == nil)
assert(err.status == rr.RREDIS_ERR_SERVER and err.outcome == rr.RREDIS_OUTCOME_REFUSED)
assert(ffi.string(err.message):match "^WRONGTYPE ")

-- A function of Lua's, called inside the call that needs it. A call that may come back must not be compiled.
local seen_kind
local callback = ffi.cast("rredis_callback_fn", function(_, _, argc, argv, lens, reply, out_reply)
  assert(argc == 2 and ffi.string(argv[0], lens[0]) == "GET")
  seen_kind = tonumber(reply.kind)
  return rr.rredis_reply_clone(map, out_reply, nil)
end)
jit.off(command)
check(rr.rredis_client_set_callback(client, "GET", 3, callback, nil, nil, err))
local given = command(0, "GET", "lua:key")
assert(given.kind == rr.RREDIS_REPLY_MAP and seen_kind == tonumber(rr.RREDIS_REPLY_STRING))
check(rr.rredis_client_set_callback(client, "GET", 3, nil, nil, nil, err))
callback:free()

-- The binding beside redis-lua (over LuaSocket), in one interpreter: processor time for each operation, in strict alternation.
local rredis = require "rredis"
local ok, redis = pcall(require, "redis")
assert(ok, "redis-lua is not installed: apt-get install lua-redis lua-socket")

local TURNS, COUNT = tonumber(os.getenv "RREDIS_TURNS" or 9), tonumber(os.getenv "RREDIS_COUNT" or 2000)
local clock = os.clock
local host, port = os.getenv("RREDIS_URL"):match "//([^:/]+):(%d+)"
local ours, theirs = rredis.new(os.getenv "RREDIS_URL"), redis.connect(host, tonumber(port))
local text = ("x"):rep(64)

ours:flushdb()
ours:set("k", text)
ours:set("16k", ("x"):rep(16384))
for i = 1, 1000 do ours:rpush("l1000", text) end
for i = 1, 100 do ours:rpush("l", text) end
for i = 1, 50 do ours:hset("h", "field:" .. i, text) end

-- The same call of the library with nothing made of its reply.
local bare = function() return nil end
if rawget(_G, "jit") then
  local ffi = require "ffi"
  local rr = ffi.load(os.getenv "RREDIS_LIBRARY")
  local out, err = ffi.new "rredis_reply *[1]", ffi.new "rredis_error"
  function bare(...)
    local count, words = select("#", ...), {...}
    local argv, lens = ffi.new("const char *[?]", count), ffi.new("size_t[?]", count)
    for i, word in ipairs(words) do
      words[i] = tostring(word)
      argv[i - 1], lens[i - 1] = words[i], #words[i]
    end
    local client = ours.handle.it
    return function()
      rr.rredis_client_command(client, count, argv, lens, out, err)
      rr.rredis_reply_free(out[0])
      return words
    end
  end
end

local rows = {
  {"GET", 1, function(r) return r:get "k" end, bare("GET", "k")},
  {"SET", 1, function(r) return r:set("k", text) end, bare("SET", "k", text)},
  {"GET 16 KiB", 1, function(r) return r:get "16k" end, bare("GET", "16k")},
  {"HGETALL of 50", 5, function(r) return r:hgetall "h" end, bare("HGETALL", "h")},
  {"LRANGE of 100", 5, function(r) return r:lrange("l", 0, -1) end, bare("LRANGE", "l", 0, -1)},
  {"LRANGE of 1000", 40, function(r) return r:lrange("l1000", 0, -1) end, bare("LRANGE", "l1000", 0, -1)},
  {"100 GET, pipeline", 50, function(r)
    if r == theirs then return r:pipeline(function(p) for _ = 1, 100 do p:get "k" end end) end
    local p = r:pipeline()
    for _ = 1, 100 do p:get "k" end
    return p:run()
  end},
}

local function took(f, r, count)
  local begin = clock()
  for _ = 1, count do f(r) end
  return (clock() - begin) / count * 1e6
end
local function median(all)
  table.sort(all)
  return all[math.floor((#all + 1) / 2)]
end

print((rawget(_G, "jit") and jit.version or _VERSION) .. ", redis-lua " .. (redis._VERSION or "?") .. ": us of processor time")
print(("%-20s%10s%12s%10s%12s"):format("", "ours", "redis-lua", "ratio", "bare"))
for _, row in ipairs(rows) do
  local name, share, f, least = row[1], row[2], row[3], row[4]
  local count = math.max(1, math.floor(COUNT / share))
  local mine, other, ratio, floor = {}, {}, {}, {}
  took(f, ours, count)
  -- Under Lua 5.4 pipelines of redis-lua fail.
  local runs = pcall(f, theirs)
  for turn = 1, TURNS do
    mine[turn] = took(f, ours, count)
    if runs then other[turn] = took(f, theirs, count) end
    ratio[turn] = runs and other[turn] / mine[turn]
    if least then floor[turn] = took(least, nil, count) end
  end
  local function said(all) return all[1] and ("%.1f"):format(median(all)) or "-" end
  print(("%-20s%10s%12s%8s x%12s"):format(name, said(mine), said(other), ratio[1] and ("%.2f"):format(median(ratio)) or "-", said(floor)))
end

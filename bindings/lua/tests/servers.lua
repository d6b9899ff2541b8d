-- A cluster, and what Sentinels name: tools/bindings starts both.
local rredis = require "rredis"

local function of(name)
  local url = os.getenv(name)
  if not url then print(name .. " names no servers: tools/bindings starts them") os.exit(0) end
  return rredis.new(url, {command_timeout_ms = 20000})
end
local prefix = ("lua:%s:%d:"):format(rawget(_G, "jit") and "jit" or "5.4", os.time())

-- Until f gives something.
local function eventually(what, f)
  for _ = 1, 500 do
    local found = f()
    if found then return found end
  end
  error("never: " .. what)
end

local function listed(found, field)
  local all = {}
  for _, one in ipairs(found) do all[#all + 1] = one[field] end
  table.sort(all)
  return table.concat(all, " ")
end

do
  local r = of "RREDIS_CLUSTER"
  local keys, known = {}, {}
  for i = 1, 100 do keys[i] = prefix .. i known[keys[i]] = true end
  for _, key in ipairs(keys) do assert(r:set(key, key, "EX", 600) == true) end
  for _, key in ipairs(keys) do assert(r:get(key) == key) end
  local queue = r:pipeline()
  for _, key in ipairs(keys) do queue:get(key) end
  local replies = queue:run()
  for i, key in ipairs(keys) do assert(replies[i] == key) end
  local found = {}
  for key in r:scan_each("MATCH", prefix .. "*", "COUNT", 100) do
    assert(known[key])
    found[key] = true
  end
  for _, key in ipairs(keys) do assert(found[key], key) end

  local n = "{" .. prefix .. "tag}n"
  replies = r:pipeline():set(n, 1):incr(n):run {atomic = true}
  assert(replies[1] == true and replies[2] == 2)
  replies = r:transaction({n}, function(now, later) later:set(n, now:get(n) + 1) end)
  assert(replies[1] == true)
  for _, key in ipairs(keys) do queue:get(key) end
  local ok, e = pcall(queue.run, queue, {atomic = true})
  assert(not ok and e.status == "ARGUMENT", tostring(e))
  assert(r:script "return redis.call('GET', KEYS[1])":run {n} == "3")

  local servers = r:servers()
  assert(listed(servers, "role") == "primary primary primary replica replica replica")
  assert(r:at {key = keys[1]}:get(keys[1]) == keys[1])
  local ports, count = {}, 0
  for _, server in ipairs(servers) do
    local port = r:at {server = server.endpoint}:config_get("port").port
    if not ports[port] then ports[port], count = true, count + 1 end
  end
  assert(count == 6)

  local sub = r:pubsub()
  local wanted, left = {}, 5
  for i = 1, 5 do wanted[prefix .. "shard:" .. i] = true end
  for shard in pairs(wanted) do sub:ssubscribe(shard) end
  sub:subscribe(prefix .. "news")
  local heard
  eventually("all messages", function()
    r:publish(prefix .. "news", "x")
    for shard in pairs(wanted) do r:spublish(shard, "x") end
    local message = sub:next(0.1)
    while message do
      if message.type == "message" then heard = true end
      if wanted[message.channel] then wanted[message.channel], left = nil, left - 1 end
      message = sub:next(0)
    end
    return heard and left == 0
  end)
  sub:close()
  for _, key in ipairs(keys) do r:del(key) end
  r:del(n)
end

do
  local r = of "RREDIS_SENTINEL"
  local key = prefix .. "k"
  r:set(key, "v", "EX", 600)
  assert(r:get(key) == "v")
  assert(r:role().role == "master")
  assert(listed(r:servers(), "role"):find "^primary replica")
  local replies = r:pipeline():set(key, "w"):get(key):run {atomic = true}
  assert(replies[2] == "w")
  local sub = r:pubsub()
  sub:subscribe(prefix .. "news")
  local message = eventually("a message", function()
    r:publish(prefix .. "news", "x")
    return sub:next(0.1)
  end)
  assert(message.data == "x")
  sub:close()
  r:del(key)
end

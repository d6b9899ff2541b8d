-- Hello: a value is set and read.
local rredis = require "rredis"

local client = rredis.new(os.getenv "RREDIS_URL")
client:set("greeting", "hello")
print(client:get("greeting"))

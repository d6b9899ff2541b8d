rockspec_format = "3.0"
package = "rredis"
version = "8.0.0-1"
source = {url = "git+file:///usr/src/librredis", dir = "librredis/bindings/lua"}
description = {
  summary = "librredis for Lua: Redis and Valkey clients for LuaJIT and Lua 5.4",
  detailed = "LuaJIT reads the library through its FFI. Lua 5.4 has a small C module. Both have one API.",
  license = "MIT",
}
dependencies = {"lua >= 5.1, < 5.5"}
external_dependencies = {RREDIS = {header = "rredis.h", library = "rredis"}}
build = {
  type = "builtin",
  modules = {
    rredis = "rredis.lua",
    ["rredis.luajit"] = "rredis/luajit.lua",
    ["rredis.core"] = {
      sources = {"rredis/core.c"},
      libraries = {"rredis"},
      incdirs = {"$(RREDIS_INCDIR)"},
      libdirs = {"$(RREDIS_LIBDIR)"},
    },
  },
}

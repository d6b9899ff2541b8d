// The core of rredis.lua for Lua 5.4: handles, calls, and replies as Lua's values.
//
// A function gives true and a value, or false, the names of status and outcome, the message, errno and the tries: rredis.lua raises.
// What has no timeout of its own ends when a debug hook is set on the main thread, as the lua program does on Ctrl-C.
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <rredis.h>
#include <stdio.h>
#include <string.h>

typedef enum { CLIENT, PIPELINE, PUBSUB, CONN, SCRIPT, ASYNC } kind_of;
static const char *const names[] = {"rredis client", "rredis pipeline", "rredis pubsub", "rredis connection", "rredis script",
                                    "rredis async"};

typedef struct {
  void *it;
} handle;

// The functions of rredis.lua that are called back, in the registry.
typedef enum { RESPOND, RECEIVE, EACH, TRANSACT, INTERRUPT, ASK, ERROR_OF, NULL_OF, FUNCTIONS } called;
static const char *const called_names[] = {"respond", "receive", "each", "transact", "interrupt", "ask", "error_of",
                                           "null"};
static const char keys[FUNCTIONS];

// The Lua state of the call that runs in this thread: a function that is called back runs in it.
static _Thread_local lua_State *running;

static lua_State *enter(lua_State *L) {
  lua_State *outer = running;
  running = L;
  return outer;
}

static int failed(lua_State *L, const rredis_error *err) {
  lua_pushboolean(L, 0);
  lua_pushstring(L, rredis_status_name(err->status));
  lua_pushstring(L, rredis_status_outcome_name(err->outcome));
  lua_pushstring(L, err->message);
  lua_pushinteger(L, err->os_error);
  lua_pushinteger(L, err->attempts);
  return 6;
}

static int nothing(lua_State *L) {
  lua_pushboolean(L, 1);
  return 1;
}

static int done(lua_State *L, rredis_status status, const rredis_error *err) {
  return status == RREDIS_OK ? nothing(L) : failed(L, err);
}

static void push(lua_State *L, const rredis_reply *node, int inner) {
  luaL_checkstack(L, 6, "a reply that is too deep");
  switch (node->kind) {
    case RREDIS_REPLY_NULL:
      if (inner) lua_rawgetp(L, LUA_REGISTRYINDEX, &keys[NULL_OF]);
      else lua_pushnil(L);
      return;
    case RREDIS_REPLY_INTEGER: lua_pushinteger(L, node->integer); return;
    case RREDIS_REPLY_BOOL: lua_pushboolean(L, node->integer != 0); return;
    case RREDIS_REPLY_DOUBLE: lua_pushnumber(L, node->number); return;
    case RREDIS_REPLY_ERROR:
      lua_rawgetp(L, LUA_REGISTRYINDEX, &keys[ERROR_OF]);
      lua_pushlstring(L, node->str, node->len);
      lua_call(L, 1, 1);
      return;
    case RREDIS_REPLY_MAP:
      lua_createtable(L, 0, (int)(node->len / 2));
      for (size_t i = 0; i + 1 < node->len; i += 2) {
        const rredis_reply *key = &node->elements[i];
        // No key is not a number.
        if (key->kind == RREDIS_REPLY_DOUBLE) lua_pushlstring(L, key->str, key->len);
        else push(L, key, 1);
        push(L, &node->elements[i + 1], 1);
        lua_rawset(L, -3);
      }
      return;
    case RREDIS_REPLY_ARRAY:
    case RREDIS_REPLY_SET:
    case RREDIS_REPLY_PUSH:
      lua_createtable(L, (int)node->len, 0);
      for (size_t i = 0; i < node->len; i++) {
        push(L, &node->elements[i], 1);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
      }
      return;
    default: lua_pushlstring(L, node->str, node->len);
  }
}

static int convert(lua_State *L) {
  push(L, lua_touserdata(L, 1), 0);
  return 1;
}

// In a protected call, so that no error of Lua's leaks the reply.
static int value(lua_State *L, rredis_reply *reply) {
  lua_pushboolean(L, 1);
  lua_pushcfunction(L, convert);
  lua_pushlightuserdata(L, reply);
  int status = lua_pcall(L, 1, 1, 0);
  rredis_reply_free(reply);
  return status == LUA_OK ? 2 : lua_error(L);
}

static int replied(lua_State *L, rredis_status status, rredis_reply *reply, const rredis_error *err) {
  return status == RREDIS_OK ? value(L, reply) : failed(L, err);
}

// Arguments from one place of the stack on. Their room is on the stack above them, and so are the texts of numbers.
typedef struct {
  size_t count;
  const char **texts;
  size_t *lens;
} arguments;

static arguments taken(lua_State *L, int first) {
  int top = lua_gettop(L);
  int count = top < first ? 0 : top - first + 1;
  arguments found = {(size_t)count, NULL, NULL};
  static _Thread_local const char *texts[32];
  static _Thread_local size_t lens[32];
  found.texts = texts;
  found.lens = lens;
  // A nested call would write over the room of the call it is in, which the library may still read.
  if (count > 32 || running != NULL) {
    found.texts = lua_newuserdatauv(L, (size_t)(count + 1) * (sizeof(char *) + sizeof(size_t)), 0);
    found.lens = (size_t *)(found.texts + count + 1);
  }
  for (int i = 0; i < count; i++) {
    int type = lua_type(L, first + i);
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
      luaL_error(L, "argument %d is a %s, and has to be a string or a number", i + 1, lua_typename(L, type));
    if (type == LUA_TNUMBER && !lua_isinteger(L, first + i)) {
      // A whole number is sent without a point, and any other with all of its digits.
      lua_Number number = lua_tonumber(L, first + i);
      char text[40];
      snprintf(text, sizeof text, number == (lua_Number)(long long)number ? "%.0f" : "%.17g", number);
      lua_pushstring(L, text);
      lua_replace(L, first + i);
    }
    found.texts[i] = lua_tolstring(L, first + i, &found.lens[i]);
  }
  return found;
}

static void *opened(lua_State *L, int at, kind_of kind) {
  handle *found = luaL_checkudata(L, at, names[kind]);
  if (found->it == NULL) luaL_error(L, "the %s is closed", names[kind]);
  return found->it;
}

// Made before the library is asked, so that no error of Lua's can leak what it gives.
static handle *room(lua_State *L, kind_of kind) {
  lua_pushboolean(L, 1);
  handle *made = lua_newuserdatauv(L, sizeof *made, 1);
  made->it = NULL;
  luaL_setmetatable(L, names[kind]);
  return made;
}

#define CALL(expression)             \
  lua_State *outer = enter(L);       \
  rredis_status status = expression; \
  running = outer

// What is called back

typedef struct {
  called function;
  lua_Integer id, number;
  int has_number;
  const rredis_reply *reply;
} calling;

static int call_back(lua_State *L) {
  calling *it = lua_touserdata(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &keys[it->function]);
  lua_pushinteger(L, it->id);
  int count = 1;
  if (it->has_number) {
    lua_pushinteger(L, it->number);
    count++;
  }
  if (it->reply) {
    push(L, it->reply, 0);
    count++;
  }
  lua_call(L, count, 1);
  return 1;
}

static rredis_status called_back(calling it, rredis_error *err) {
  lua_State *L = running;
  if (L == NULL || !lua_checkstack(L, 8)) return RREDIS_ERR_CALLBACK;
  lua_pushcfunction(L, call_back);
  lua_pushlightuserdata(L, &it);
  int status = lua_pcall(L, 1, 1, 0);
  rredis_status result = RREDIS_OK;
  if (status != LUA_OK || !lua_isnil(L, -1)) {
    const char *text = lua_tostring(L, -1);
    if (err != NULL) snprintf(err->message, sizeof err->message, "%s", text ? text : "a function failed");
    result = RREDIS_ERR_CALLBACK;
  }
  lua_pop(L, 1);
  return result;
}

static rredis_status respond(void *user_data, void *call_data, size_t argc, const char *const *argv, const size_t *argv_len,
                             const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  (void)argc, (void)argv, (void)argv_len, (void)out_reply;
  calling it = {RESPOND, (lua_Integer)(intptr_t)user_data, (lua_Integer)(intptr_t)call_data, 1, reply};
  return called_back(it, err);
}

static void receive(void *user_data, const rredis_reply *reply) {
  calling it = {RECEIVE, (lua_Integer)(intptr_t)user_data, 0, 0, reply};
  called_back(it, NULL);
}

static rredis_status each(void *user_data, size_t index, const rredis_reply *reply, rredis_error *err) {
  calling it = {EACH, (lua_Integer)(intptr_t)user_data, (lua_Integer)index + 1, 1, reply};
  return called_back(it, err);
}

static rredis_status transact(void *user_data, rredis_pipeline *pipeline, rredis_error *err) {
  (void)pipeline;
  calling it = {TRANSACT, (lua_Integer)(intptr_t)user_data, 0, 0, NULL};
  return called_back(it, err);
}

static rredis_status interrupt(void *user_data) {
  calling it = {INTERRUPT, (lua_Integer)(intptr_t)user_data, 0, 0, NULL};
  return called_back(it, NULL);
}

// What a transport or a credentials function is asked: its answer is a value, or nil and what was wrong.
typedef struct {
  const char *what, *text;
  lua_Integer id, size, milliseconds;
  size_t len, moved;
  char *buffer;
  rredis_builder *builder;
  int64_t number;
  rredis_status status;
  rredis_error *err;
} question;

static int asked(lua_State *L) {
  question *it = lua_touserdata(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &keys[ASK]);
  lua_pushstring(L, it->what);
  lua_pushinteger(L, it->id);
  lua_pushlstring(L, it->text ? it->text : "", it->text ? it->len : 0);
  lua_pushinteger(L, it->size);
  lua_pushinteger(L, it->milliseconds);
  lua_call(L, 5, 3);
  if (!lua_isnil(L, -3)) return lua_error(L), 0;
  size_t len = 0;
  const char *text = lua_tolstring(L, -2, &len);
  if (text == NULL) {
    const char *problem = lua_tostring(L, -1);
    it->status = problem != NULL && strcmp(problem, "timeout") == 0 ? RREDIS_ERR_AGAIN : RREDIS_ERR_IO;
    if (it->err != NULL && it->status == RREDIS_ERR_IO)
      snprintf(it->err->message, sizeof it->err->message, "%s", problem ? problem : "the transport failed");
  } else if (it->builder != NULL) {
    size_t user_len = 0;
    const char *user = lua_tolstring(L, -1, &user_len);
    if (user == NULL) rredis_builder_add_null(it->builder);
    else rredis_builder_add_text(it->builder, RREDIS_REPLY_STRING, user, user_len);
    rredis_builder_add_text(it->builder, RREDIS_REPLY_STRING, text, len);
  } else if (it->buffer != NULL) {
    if (len > (size_t)it->size) return luaL_error(L, "the transport has read more than it was asked for");
    memcpy(it->buffer, text, len);
    it->moved = len;
  } else {
    it->number = lua_tointeger(L, -2);
  }
  return 0;
}

static rredis_status ask(question *it) {
  lua_State *L = running;
  if (L == NULL || !lua_checkstack(L, 10)) return RREDIS_ERR_CALLBACK;
  lua_pushcfunction(L, asked);
  lua_pushlightuserdata(L, it);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return it->status;
  const char *text = lua_tostring(L, -1);
  if (it->err != NULL) snprintf(it->err->message, sizeof it->err->message, "%s", text ? text : "a function failed");
  lua_pop(L, 1);
  return RREDIS_ERR_CALLBACK;
}

static rredis_status credentials(void *user_data, const char *endpoint, size_t len, rredis_builder *builder, rredis_error *err) {
  question it = {.what = "credentials", .id = (intptr_t)user_data, .text = endpoint, .len = len, .builder = builder, .err = err};
  return ask(&it);
}

static rredis_status stream_connect(void *user_data, const char *host, size_t len, int32_t port, int64_t timeout, void **out,
                                    rredis_error *err) {
  question it = {.what = "connect", .id = (intptr_t)user_data, .text = host, .len = len, .size = port, .milliseconds = timeout,
                 .err = err};
  rredis_status status = ask(&it);
  *out = (void *)(intptr_t)it.number;
  return status == RREDIS_ERR_AGAIN ? RREDIS_ERR_TIMEOUT : status;
}

static rredis_status stream_read(void *stream, char *buffer, size_t len, int64_t timeout, size_t *out, rredis_error *err) {
  question it = {.what = "read", .id = (intptr_t)stream, .size = (lua_Integer)len, .milliseconds = timeout, .buffer = buffer,
                 .err = err};
  rredis_status status = ask(&it);
  *out = it.moved;
  return status;
}

static rredis_status stream_write(void *stream, const char *bytes, size_t len, int64_t timeout, size_t *out, rredis_error *err) {
  question it = {.what = "write", .id = (intptr_t)stream, .text = bytes, .len = len, .milliseconds = timeout, .err = err};
  rredis_status status = ask(&it);
  *out = (size_t)it.number;
  return status;
}

static void stream_close(void *stream) {
  question it = {.what = "close", .id = (intptr_t)stream};
  ask(&it);
}

static int32_t stream_fd(void *stream) {
  question it = {.what = "fd", .id = (intptr_t)stream};
  return ask(&it) == RREDIS_OK ? (int32_t)it.number : -1;
}

static rredis_status set_transport(rredis_options *options, void *id, rredis_error *err) {
  rredis_transport transport = {.size = sizeof transport, .name = "lua", .user_data = id, .connect = stream_connect,
                                .read = stream_read, .write = stream_write, .close = stream_close, .fd = stream_fd};
  return rredis_options_set_transport(options, &transport, err);
}

// A hook is how the lua program tells a running script of Ctrl-C: whoever waits ends, and the hook is called when it has.
static rredis_status hooked(void *main) { return lua_gethookmask(main) ? RREDIS_ERR_WOKEN : RREDIS_OK; }

// Options

static rredis_status set_option(lua_State *L, rredis_options *options, rredis_error *err) {
  const char *name = lua_tostring(L, -2);
  lua_getfield(L, lua_upvalueindex(1), name);
  rredis_option option = (rredis_option)lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (lua_type(L, -1) == LUA_TNUMBER) return rredis_options_set_int(options, option, (int64_t)lua_tonumber(L, -1), err);
  size_t len;
  const char *text = lua_tolstring(L, -1, &len);
  return rredis_options_set_str(options, option, text ? text : "", text ? len : 0, err);
}

static rredis_status set_function(lua_State *L, rredis_options *options, rredis_error *err) {
  const char *name = lua_tostring(L, -2);
  void *id = (void *)(intptr_t)lua_tointeger(L, -1);
  if (strcmp(name, "on_event") == 0) return rredis_options_on_event(options, receive, id, NULL, err);
  if (strcmp(name, "on_push") == 0) return rredis_options_on_push(options, receive, id, NULL, err);
  if (strcmp(name, "interrupt") == 0) return rredis_options_on_interrupt(options, interrupt, id, NULL, err);
  if (strcmp(name, "credentials") == 0) return rredis_options_set_credentials(options, credentials, id, NULL, err);
  if (strcmp(name, "transport") == 0) return set_transport(options, id, err);
  snprintf(err->message, sizeof err->message,
           "there is no function %.100s: on_event, on_push, interrupt, credentials or transport", name);
  err->status = RREDIS_ERR_CONFIG;
  err->outcome = RREDIS_OUTCOME_NONE;
  return err->status;
}

static rredis_status all_set(lua_State *L, rredis_options *options, rredis_error *err) {
  size_t len;
  const char *url = lua_tolstring(L, 1, &len);
  rredis_status status = rredis_options_set_url(options, url, len, err);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  if (status == RREDIS_OK && lua_toboolean(L, 4)) status = rredis_options_on_interrupt(options, hooked, lua_tothread(L, -1), NULL, err);
  lua_pop(L, 1);
  for (lua_pushnil(L); status == RREDIS_OK && lua_next(L, 2); lua_pop(L, 1)) status = set_option(L, options, err);
  if (status != RREDIS_OK) return status;
  for (lua_pushnil(L); status == RREDIS_OK && lua_next(L, 3); lua_pop(L, 1)) status = set_function(L, options, err);
  return status;
}

static int client_new(lua_State *L) {
  luaL_checkstring(L, 1);
  // Everything that Lua may raise an error about comes before the options are made.
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (lua_getfield(L, lua_upvalueindex(1), name) == LUA_TNIL) return luaL_error(L, "there is no option %s", name);
    lua_pop(L, 1);
    if (!lua_isnumber(L, -1) && !lua_isstring(L, -1)) return luaL_error(L, "the option %s is no string or number", name);
  }
  rredis_error err = {0};
  rredis_options *options = rredis_options_new();
  if (options == NULL) return luaL_error(L, "not enough memory");
  rredis_client *client = NULL;
  rredis_status status = all_set(L, options, &err);
  if (status == RREDIS_OK) status = rredis_client_new(options, &client, &err);
  rredis_options_free(options);
  if (status != RREDIS_OK) return failed(L, &err);
  handle *made = room(L, CLIENT);
  made->it = client;
  return 2;
}

// Clients

static int command(lua_State *L) {
  rredis_client *client = opened(L, 1, CLIENT);
  arguments args = taken(L, 2);
  rredis_error err;
  rredis_reply *reply = NULL;
  CALL(rredis_client_command(client, args.count, args.texts, args.lens, &reply, &err));
  return replied(L, status, reply, &err);
}

static int command_with(lua_State *L) {
  rredis_client *client = opened(L, 1, CLIENT);
  arguments args = taken(L, 5);
  rredis_error err;
  rredis_reply *reply = NULL;
  CALL(rredis_client_command_with(client, args.count, args.texts, args.lens, (uint32_t)lua_tointeger(L, 2),
                                  lua_tointeger(L, 3), (void *)(intptr_t)lua_tointeger(L, 4), &reply, &err));
  return replied(L, status, reply, &err);
}

static int set_callback(lua_State *L) {
  rredis_client *client = opened(L, 1, CLIENT);
  size_t len;
  const char *name = luaL_checklstring(L, 2, &len);
  lua_Integer id = lua_tointeger(L, 3);
  rredis_error err;
  return done(L, rredis_client_set_callback(client, name, len, id ? respond : NULL, (void *)(intptr_t)id, NULL, &err), &err);
}

static int stat_of(lua_State *L) {
  rredis_client *client = opened(L, 1, CLIENT);
  if (lua_getfield(L, lua_upvalueindex(1), luaL_checkstring(L, 2)) == LUA_TNIL) return luaL_error(L, "there is no such statistic");
  int64_t found = rredis_client_stat(client, (rredis_stat)lua_tointeger(L, -1));
  if (found < 0) lua_pushnil(L);
  else lua_pushinteger(L, found);
  return 1;
}

static int servers(lua_State *L) {
  rredis_client *client = opened(L, 1, CLIENT);
  rredis_error err;
  rredis_reply *reply = NULL;
  CALL(rredis_client_servers(client, &reply, &err));
  return replied(L, status, reply, &err);
}

static int client_at(lua_State *L) {
  rredis_client *client = opened(L, 1, CLIENT);
  size_t len;
  const char *target = luaL_checklstring(L, 3, &len);
  handle *made = room(L, CLIENT);
  rredis_error err;
  rredis_client *it = NULL;
  CALL(rredis_client_new_at(client, (rredis_target)lua_tointeger(L, 2), target, len, &it, &err));
  made->it = it;
  return status == RREDIS_OK ? 2 : failed(L, &err);
}

// Handles that are made of a client

#define MADE_OF_CLIENT(function, kind, type, make)                        \
  static int function(lua_State *L) {                                     \
    rredis_client *client = opened(L, 1, CLIENT);                         \
    handle *made = room(L, kind);                                         \
    rredis_error err;                                                     \
    type *it = NULL;                                                      \
    CALL(make(client, &it, &err));                                        \
    made->it = it;                                                        \
    return status == RREDIS_OK ? 2 : failed(L, &err);                     \
  }
MADE_OF_CLIENT(pipeline, PIPELINE, rredis_pipeline, rredis_pipeline_new)
MADE_OF_CLIENT(pubsub, PUBSUB, rredis_pubsub, rredis_pubsub_new)
MADE_OF_CLIENT(conn, CONN, rredis_conn, rredis_conn_new)
MADE_OF_CLIENT(async, ASYNC, rredis_async, rredis_async_new)

static int script(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  handle *made = room(L, SCRIPT);
  rredis_error err;
  rredis_script *it = NULL;
  rredis_status status = rredis_script_new(text, len, &it, &err);
  made->it = it;
  return status == RREDIS_OK ? 2 : failed(L, &err);
}

// Pipelines

static int add(lua_State *L) {
  rredis_pipeline *pipeline = opened(L, 1, PIPELINE);
  arguments args = taken(L, 4);
  rredis_error err;
  return done(L, rredis_pipeline_add_with(pipeline, args.count, args.texts, args.lens, (uint32_t)lua_tointeger(L, 2),
                                          (void *)(intptr_t)lua_tointeger(L, 3), &err), &err);
}

static int run(lua_State *L) {
  rredis_pipeline *pipeline = opened(L, 1, PIPELINE);
  rredis_error err;
  rredis_reply *reply = NULL;
  CALL(rredis_pipeline_run_with(pipeline, (rredis_pipeline_mode)lua_tointeger(L, 2), (uint32_t)lua_tointeger(L, 3),
                                lua_tointeger(L, 4), &reply, &err));
  return replied(L, status, reply, &err);
}

static int run_each(lua_State *L) {
  rredis_pipeline *pipeline = opened(L, 1, PIPELINE);
  rredis_error err;
  CALL(rredis_pipeline_run_each(pipeline, (uint32_t)lua_tointeger(L, 2), lua_tointeger(L, 3), each,
                                (void *)(intptr_t)lua_tointeger(L, 4), &err));
  return done(L, status, &err);
}

static int watch(lua_State *L) {
  rredis_pipeline *pipeline = opened(L, 1, PIPELINE);
  arguments args = taken(L, 2);
  rredis_error err;
  CALL(rredis_pipeline_watch(pipeline, args.count, args.texts, args.lens, &err));
  return done(L, status, &err);
}

static int now(lua_State *L) {
  rredis_pipeline *pipeline = opened(L, 1, PIPELINE);
  arguments args = taken(L, 2);
  rredis_error err;
  rredis_reply *reply = NULL;
  CALL(rredis_pipeline_command(pipeline, args.count, args.texts, args.lens, &reply, &err));
  return replied(L, status, reply, &err);
}

static int transacted(lua_State *L) {
  rredis_pipeline *pipeline = opened(L, 1, PIPELINE);
  arguments args = taken(L, 4);
  rredis_error err;
  rredis_reply *reply = NULL;
  CALL(rredis_pipeline_transact(pipeline, args.count, args.texts, args.lens, transact, (void *)(intptr_t)lua_tointeger(L, 2),
                                lua_tointeger(L, 3), &reply, &err));
  return replied(L, status, reply, &err);
}

static int clear(lua_State *L) {
  rredis_pipeline *pipeline = opened(L, 1, PIPELINE);
  lua_State *outer = enter(L);
  rredis_pipeline_clear(pipeline);
  running = outer;
  return 0;
}

static int failed_at(lua_State *L) {
  lua_pushinteger(L, rredis_pipeline_failed(opened(L, 1, PIPELINE)));
  return 1;
}

static int length(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)rredis_pipeline_len(opened(L, 1, PIPELINE)));
  return 1;
}

// Subscribers

static int subscribe(lua_State *L) {
  rredis_pubsub *pubsub = opened(L, 1, PUBSUB);
  arguments args = taken(L, 3);
  rredis_error err;
  CALL(rredis_pubsub_subscribe(pubsub, (rredis_topic)lua_tointeger(L, 2), args.count, args.texts, args.lens, &err));
  return done(L, status, &err);
}

static int unsubscribe(lua_State *L) {
  rredis_pubsub *pubsub = opened(L, 1, PUBSUB);
  arguments args = taken(L, 3);
  rredis_error err;
  CALL(rredis_pubsub_unsubscribe(pubsub, (rredis_topic)lua_tointeger(L, 2), args.count, args.texts, args.lens, &err));
  return done(L, status, &err);
}

static int next_message(lua_State *L) {
  rredis_pubsub *pubsub = opened(L, 1, PUBSUB);
  rredis_error err;
  rredis_reply *reply = NULL;
  CALL(rredis_pubsub_next(pubsub, lua_tointeger(L, 2), &reply, &err));
  return status == RREDIS_ERR_AGAIN ? nothing(L) : replied(L, status, reply, &err);
}

static int fd(lua_State *L) {
  if (luaL_testudata(L, 1, names[PUBSUB])) lua_pushinteger(L, rredis_pubsub_fd(opened(L, 1, PUBSUB)));
  else if (luaL_testudata(L, 1, names[CONN])) lua_pushinteger(L, rredis_conn_fd(opened(L, 1, CONN)));
  else lua_pushinteger(L, rredis_async_fd(opened(L, 1, ASYNC)));
  return 1;
}

// Event loops

static int submit(lua_State *L) {
  rredis_async *it = opened(L, 1, ASYNC);
  arguments args = taken(L, 5);
  rredis_error err;
  CALL(rredis_async_submit(it, args.count, args.texts, args.lens, (uint32_t)lua_tointeger(L, 2), lua_tointeger(L, 3),
                           (void *)(intptr_t)lua_tointeger(L, 4), &err));
  return done(L, status, &err);
}

static int step(lua_State *L) {
  rredis_async *it = opened(L, 1, ASYNC);
  rredis_error err;
  CALL(rredis_async_step(it, RREDIS_READY_READ, &err));
  return done(L, status, &err);
}

// The number of a command, and how it ended; nothing where nothing has arrived.
static int completed(lua_State *L) {
  rredis_async *it = opened(L, 1, ASYNC);
  rredis_error err;
  rredis_reply *reply = NULL;
  void *number = NULL;
  CALL(rredis_async_next(it, &reply, &number, &err));
  if (status == RREDIS_ERR_AGAIN) return 0;
  lua_pushinteger(L, (lua_Integer)(intptr_t)number);
  return 1 + replied(L, status, reply, &err);
}

static int deadline(lua_State *L) {
  lua_pushinteger(L, rredis_async_deadline_ms(opened(L, 1, ASYNC)));
  return 1;
}

// Whether the descriptor is readable within so many milliseconds.
static int readable(lua_State *L) {
  struct pollfd one = {.fd = rredis_async_fd(opened(L, 1, ASYNC)), .events = POLLIN};
  lua_pushboolean(L, poll(&one, 1, (int)lua_tointeger(L, 2)) > 0);
  return 1;
}

// Connections

static int conn_command(lua_State *L) {
  rredis_conn *it = opened(L, 1, CONN);
  arguments args = taken(L, 5);
  rredis_error err;
  rredis_reply *reply = NULL;
  CALL(rredis_conn_command_with(it, args.count, args.texts, args.lens, (uint32_t)lua_tointeger(L, 2), lua_tointeger(L, 3),
                                (void *)(intptr_t)lua_tointeger(L, 4), &reply, &err));
  return replied(L, status, reply, &err);
}

static int conn_send(lua_State *L) {
  rredis_conn *it = opened(L, 1, CONN);
  arguments args = taken(L, 3);
  rredis_error err;
  CALL(rredis_conn_send_with(it, args.count, args.texts, args.lens, (uint32_t)lua_tointeger(L, 2), &err));
  return done(L, status, &err);
}

static int conn_receive(lua_State *L) {
  rredis_conn *it = opened(L, 1, CONN);
  rredis_error err;
  rredis_reply *reply = NULL;
  CALL(rredis_conn_receive(it, lua_tointeger(L, 2), &reply, &err));
  return status == RREDIS_ERR_AGAIN ? nothing(L) : replied(L, status, reply, &err);
}

// Scripts

static int sha(lua_State *L) {
  lua_pushstring(L, rredis_script_sha(opened(L, 1, SCRIPT)));
  return 1;
}

static int script_run(lua_State *L) {
  rredis_script *it = opened(L, 1, SCRIPT);
  rredis_client *client = opened(L, 2, CLIENT);
  arguments args = taken(L, 7);
  rredis_error err;
  rredis_reply *reply = NULL;
  CALL(rredis_script_run_with(it, client, (size_t)lua_tointeger(L, 6), args.count, args.texts, args.lens,
                              (uint32_t)lua_tointeger(L, 3), lua_tointeger(L, 4), (void *)(intptr_t)lua_tointeger(L, 5),
                              &reply, &err));
  return replied(L, status, reply, &err);
}

static int script_add(lua_State *L) {
  rredis_script *it = opened(L, 1, SCRIPT);
  rredis_pipeline *pipeline = opened(L, 2, PIPELINE);
  arguments args = taken(L, 5);
  rredis_error err;
  return done(L, rredis_script_add_with(it, pipeline, (size_t)lua_tointeger(L, 4), args.count, args.texts, args.lens, 0,
                                        (void *)(intptr_t)lua_tointeger(L, 3), &err), &err);
}

// All handles

static int freed(lua_State *L) {
  for (int kind = CLIENT; kind <= ASYNC; kind++) {
    handle *found = luaL_testudata(L, 1, names[kind]);
    if (found == NULL) continue;
    void *it = found->it;
    found->it = NULL;
    // Streams of Lua's are closed by Lua.
    lua_State *outer = enter(L);
    switch ((kind_of)kind) {
      case CLIENT: rredis_client_free(it); break;
      case PIPELINE: rredis_pipeline_free(it); break;
      case PUBSUB: rredis_pubsub_free(it); break;
      case CONN: rredis_conn_free(it); break;
      case SCRIPT: rredis_script_free(it); break;
      case ASYNC: rredis_async_free(it); break;
    }
    running = outer;
  }
  return 0;
}

static int wake(lua_State *L) {
  lua_Integer ended = 0;
  if (luaL_testudata(L, 1, names[CLIENT])) ended = (lua_Integer)rredis_client_wake(opened(L, 1, CLIENT), NULL);
  else if (luaL_testudata(L, 1, names[PIPELINE])) ended = (lua_Integer)rredis_pipeline_wake(opened(L, 1, PIPELINE));
  else if (luaL_testudata(L, 1, names[CONN])) ended = (lua_Integer)rredis_conn_wake(opened(L, 1, CONN));
  else rredis_pubsub_wake(opened(L, 1, PUBSUB));
  lua_pushinteger(L, ended);
  return 1;
}

static int setup(lua_State *L) {
  for (int i = 0; i < FUNCTIONS; i++) {
    lua_getfield(L, 1, called_names[i]);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &keys[i]);
  }
  return 0;
}

#include "names.h"

int luaopen_rredis_core(lua_State *L);
int luaopen_rredis_core(lua_State *L) {
  for (int kind = CLIENT; kind <= ASYNC; kind++) {
    luaL_newmetatable(L, names[kind]);
    lua_pushcfunction(L, freed);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
  }
  const luaL_Reg module[] = {
      {"setup", setup}, {"command", command}, {"command_with", command_with}, {"set_callback", set_callback},
      {"servers", servers}, {"pipeline", pipeline}, {"pubsub", pubsub}, {"conn", conn}, {"script", script}, {"add", add},
      {"run", run}, {"each", run_each}, {"watch", watch}, {"now", now}, {"transact", transacted}, {"clear", clear},
      {"len", length}, {"failed", failed_at}, {"subscribe", subscribe}, {"unsubscribe", unsubscribe}, {"next", next_message}, {"fd", fd},
      {"conn_command", conn_command}, {"conn_send", conn_send}, {"conn_receive", conn_receive}, {"sha", sha},
      {"at", client_at}, {"async", async}, {"submit", submit}, {"step", step}, {"completed", completed},
      {"deadline", deadline}, {"readable", readable}, {"script_run", script_run}, {"script_add", script_add}, {"free", freed}, {"wake", wake}, {NULL, NULL}};
  luaL_newlib(L, module);
  named(L, options);
  lua_pushcclosure(L, client_new, 1);
  lua_setfield(L, -2, "new");
  named(L, stats);
  lua_pushcclosure(L, stat_of, 1);
  lua_setfield(L, -2, "stat");
  lua_pushstring(L, rredis_version());
  lua_setfield(L, -2, "version");
  return 1;
}

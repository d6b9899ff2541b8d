// One story on the loop of every adapter: adapters HOST PORT. LOOP_ and the loop's name say which; Qt's compiles as C++. Prints
// nothing unless it fails.
#include <hiredis/async.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                     \
      exit(1);                                                                            \
    }                                                                                     \
  } while (0)

// ---- A loop: begin, attach a context, run until nothing is open, end --------------------------------------------------

static int open_contexts;

#if defined LOOP_libevent
#include <hiredis/adapters/libevent.h>
static struct event_base *loop;
static void begin(void) { loop = event_base_new(); }
static int attach(redisAsyncContext *ac) { return redisLibeventAttach(ac, loop); }
static void run(void) { event_base_dispatch(loop); }
static void end(void) { event_base_free(loop); }
#elif defined LOOP_libuv
#include <hiredis/adapters/libuv.h>
static uv_loop_t loop;
static void begin(void) { uv_loop_init(&loop); }
static int attach(redisAsyncContext *ac) { return redisLibuvAttach(ac, &loop); }
static void run(void) { uv_run(&loop, UV_RUN_DEFAULT); }
static void end(void) { CHECK(uv_loop_close(&loop) == 0); }
#elif defined LOOP_libev
#include <hiredis/adapters/libev.h>
static struct ev_loop *loop;
static void begin(void) { loop = ev_loop_new(0); }
static int attach(redisAsyncContext *ac) { return redisLibevAttach(loop, ac); }
static void run(void) { ev_run(loop, 0); }
static void turn(void) { ev_run(loop, EVRUN_NOWAIT); }
static void end(void) { ev_loop_destroy(loop); }
#elif defined LOOP_glib
#include <hiredis/adapters/glib.h>
static GMainContext *loop;
static void begin(void) { loop = g_main_context_new(); }
static int attach(redisAsyncContext *ac) {
  if (ac->ev.data != NULL) return REDIS_ERR;
  GSource *source = redis_source_new(ac);
  g_source_attach(source, loop);
  g_source_unref(source);
  return REDIS_OK;
}
static void run(void) {
  while (open_contexts > 0) g_main_context_iteration(loop, TRUE);
}
static void turn(void) { g_main_context_iteration(loop, FALSE); }
static void end(void) { g_main_context_unref(loop); }
#elif defined LOOP_poll
#include <hiredis/adapters/poll.h>
static redisAsyncContext *all[4];
static void begin(void) {}
static int attach(redisAsyncContext *ac) {
  if (redisPollAttach(ac) != REDIS_OK) return REDIS_ERR;
  for (size_t i = 0; i < 4; i++)
    if (all[i] == NULL) return all[i] = ac, REDIS_OK;
  return REDIS_ERR;
}
static void gone(const redisAsyncContext *ac) {
  for (size_t i = 0; i < 4; i++)
    if (all[i] == ac) all[i] = NULL;
}
static void run(void) {
  // With one context it waits, and with several each has its turn.
  while (open_contexts > 0)
    for (size_t i = 0; i < 4; i++)
      if (all[i] != NULL) redisPollTick(all[i], open_contexts > 1 ? 0.001 : 5.);
}
static void turn(void) {
  for (size_t i = 0; i < 4; i++)
    if (all[i] != NULL) redisPollTick(all[i], 0.);
}
static void end(void) {}
#elif defined LOOP_ivykis
#include <hiredis/adapters/ivykis.h>
static void begin(void) { iv_init(); }
static int attach(redisAsyncContext *ac) { return redisIvykisAttach(ac); }
static void run(void) { iv_main(); }
static void quit(void *unused) {
  (void)unused;
  iv_quit();
}
static void turn(void) {
  struct iv_timer soon;
  IV_TIMER_INIT(&soon);
  soon.handler = quit;
  iv_validate_now();
  soon.expires = iv_now;
  soon.expires.tv_nsec += 20000000;
  if (soon.expires.tv_nsec >= 1000000000) {
    soon.expires.tv_sec++;
    soon.expires.tv_nsec -= 1000000000;
  }
  iv_timer_register(&soon);
  iv_main();
}
static void end(void) { iv_deinit(); }
#elif defined LOOP_qt
#include <QCoreApplication>
#include <hiredis/adapters/qt.h>
static QCoreApplication *loop;
static void begin(void) {
  static int count = 1;
  static char name[] = "adapters";
  static char *names[] = {name, NULL};
  loop = new QCoreApplication(count, names);
}
static int attach(redisAsyncContext *ac) {
  RedisQtAdapter *adapter = new RedisQtAdapter(loop);
  return adapter->setContext(ac);
}
static void run(void) {
  while (open_contexts > 0) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
}
static void turn(void) { QCoreApplication::processEvents(); }
static void end(void) { delete loop; }
#endif

#ifndef LOOP_poll
static void gone(const redisAsyncContext *ac) { (void)ac; }
#endif

// ---- The story ----------------------------------------------------------------------------------------------------------

static const char *host;
static int port, connects, ends, losses, replies, refusals, messages;

static void on_connect(const redisAsyncContext *ac, int status) {
  CHECK((status == REDIS_OK) == (ac->err == 0));
  connects += status == REDIS_OK;
  if (status == REDIS_OK) return;
  open_contexts--;
  gone(ac);
}
static void on_disconnect(const redisAsyncContext *ac, int status) {
  ends += status == REDIS_OK;
  losses += status != REDIS_OK;
  open_contexts--;
  gone(ac);
}

static redisAsyncContext *watched(const char *to_host, int to_port, const struct timeval *patience) {
  redisOptions o;
  memset(&o, 0, sizeof o);
  REDIS_OPTIONS_SET_TCP(&o, to_host, to_port);
  o.command_timeout = o.connect_timeout = patience;
  redisAsyncContext *ac = redisAsyncConnectWithOptions(&o);
  CHECK(ac != NULL && ac->err == 0 && attach(ac) == REDIS_OK && attach(ac) == REDIS_ERR);
  CHECK(redisAsyncSetConnectCallback(ac, on_connect) == REDIS_OK && redisAsyncSetDisconnectCallback(ac, on_disconnect) == REDIS_OK);
  open_contexts++;
  return ac;
}

static void on_reply(redisAsyncContext *ac, void *given, void *privdata) {
  redisReply *reply = (redisReply *)given;
  (void)ac;
  if (reply == NULL) refusals++;
  else if (privdata == NULL || (reply->str != NULL && strcmp(reply->str, (const char *)privdata) == 0)) replies++;
}
static void then_disconnect(redisAsyncContext *ac, void *reply, void *privdata) {
  on_reply(ac, reply, privdata);
  redisAsyncDisconnect(ac);
}
static void then_free(redisAsyncContext *ac, void *reply, void *privdata) {
  on_reply(ac, reply, privdata);
  if (reply != NULL) redisAsyncFree(ac);
}

// More than a socket takes at once, both ways; more than one context in the loop.
static void commands(void) {
  static char large[200000];
  memset(large, 'x', sizeof large - 1);
  redisAsyncContext *one = watched(host, port, NULL), *two = watched(host, port, NULL);
  CHECK(redisAsyncCommand(one, on_reply, (void *)"OK", "SET adapter %s", large) == REDIS_OK);
  for (int i = 0; i < 50; i++) CHECK(redisAsyncCommand(one, on_reply, large, "ECHO %s", large) == REDIS_OK);
  CHECK(redisAsyncCommand(one, then_disconnect, large, "GET adapter") == REDIS_OK);
  CHECK(redisAsyncCommand(two, then_free, (void *)"PONG", "PING") == REDIS_OK && redisAsyncCommand(two, on_reply, NULL, "PING") == REDIS_OK);
  run();
  CHECK(connects == 2 && ends == 2 && losses == 0 && replies == 53 && refusals == 1);
}

// A server that is silent, and none.
static void times(void) {
  const struct timeval patience = {0, 50000}, enough = {20, 0};
  redisAsyncContext *ac = watched(host, port, &patience);
  CHECK(redisAsyncCommand(ac, on_reply, NULL, "BLPOP adapter:none 0") == REDIS_OK);
  run();
  CHECK(connects == 3 && losses == 1 && refusals == 2);
  ac = watched(host, port, &enough);
  CHECK(redisAsyncCommand(ac, then_disconnect, NULL, "PING") == REDIS_OK);
  run();
  CHECK(connects == 4 && ends == 3 && replies == 54);
  ac = watched("127.0.0.1", 1, &enough);
  CHECK(redisAsyncCommand(ac, on_reply, NULL, "PING") == REDIS_OK);
  run();
  CHECK(connects == 4 && refusals == 3 && open_contexts == 0);
}

static redisAsyncContext *publisher;
static void on_message(redisAsyncContext *ac, void *given, void *privdata) {
  redisReply *reply = (redisReply *)given;
  (void)privdata;
  if (reply == NULL) return;
  const char *kind = reply->element[0]->str;
  if (strcmp(kind, "subscribe") == 0) CHECK(redisAsyncCommand(publisher, then_disconnect, NULL, "PUBLISH adapter hello") == REDIS_OK);
  if (strcmp(kind, "message") != 0) return;
  CHECK(strcmp(reply->element[2]->str, "hello") == 0);
  messages++;
  redisAsyncFree(ac);
}

// A command that is sent while the loop waits for another context.
static void subscribed(void) {
  publisher = watched(host, port, NULL);
  CHECK(redisAsyncCommand(watched(host, port, NULL), on_message, NULL, "SUBSCRIBE adapter") == REDIS_OK);
  run();
  CHECK(messages == 1 && ends == 5 && open_contexts == 0);
}

// A callback lets its loop turn, which writes on its own context, and then ends the context. libevent and libuv have loops that
// no callback may run.
#if !defined LOOP_libevent && !defined LOOP_libuv
static void then_turn_and_free(redisAsyncContext *ac, void *reply, void *privdata) {
  on_reply(ac, reply, privdata);
  CHECK(reply != NULL && redisAsyncCommand(ac, on_reply, NULL, "BLPOP adapter:none 0") == REDIS_OK);
  turn();
  redisAsyncFree(ac);
}
// The loop delivers a reply to the same context meanwhile, whose callback ends it; or the connection is lost. GLib's delivers nothing
// to a source that is being served.
#if !defined LOOP_glib
static void then_turn_until(redisAsyncContext *ac, void *reply, void *privdata) {
  int replies_before = replies, refusals_before = refusals;
  CHECK(reply != NULL && redisAsyncCommand(ac, privdata != NULL ? then_free : on_reply, NULL, privdata != NULL ? "PING" : "QUIT") == REDIS_OK);
  CHECK(redisAsyncCommand(ac, on_reply, NULL, "BLPOP adapter:none 0") == REDIS_OK);
  // A turn waits for nothing, and the server may be busy.
  for (int i = 0; i < 5000 && replies == replies_before; i++) {
    turn();
    usleep(1000);
  }
  for (int i = 0; i < 3; i++) turn();
  CHECK(replies == replies_before + 1 && refusals == refusals_before && ac->c.fd >= 0);
}
#endif
static void nested(void) {
#if !defined LOOP_glib
  for (int ends_by_itself = 0; ends_by_itself < 2; ends_by_itself++) {
    int refusals_once = refusals;
    CHECK(redisAsyncCommand(watched(host, port, NULL), then_turn_until, ends_by_itself ? NULL : (void *)"", "PING") == REDIS_OK);
    run();
    CHECK(refusals == refusals_once + 1 && open_contexts == 0);
  }
#endif
  int replies_before = replies, refusals_before = refusals;
  CHECK(redisAsyncCommand(watched(host, port, NULL), then_turn_and_free, (void *)"PONG", "PING") == REDIS_OK);
  run();
  CHECK(replies == replies_before + 1 && refusals == refusals_before + 1 && open_contexts == 0);
}
#else
static void nested(void) {}
#endif

int main(int argc, char **argv) {
  CHECK(argc >= 3);
  host = argv[1];
  port = atoi(argv[2]);
  begin();
  commands();
  times();
  subscribed();
  nested();
  end();
  return 0;
}

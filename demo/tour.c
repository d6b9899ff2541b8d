// A tour of librredis: what it does, and what it says when something goes wrong.
//
//   tour URL                       on a server of yours; its keys are named apart, and removed
//   tour URL SOCKET KILL START     on a private one, which is also reached through SOCKET, and
//                                  which the commands KILL and START end and start again
//
// Every step looks at what it got. The last line says that all is well only if it was.

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <rredis.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, COMMANDS = 5000, LIST = 10000, PIPELINED = 1001 };

static rredis_client *client;
static char prefix[40];  // what every key of the tour begins with
static int failures;

// ---- Saying and asking --------------------------------------------------------------

// One line of the tour: what was done, and what came of it.
static void say(const char *what, const char *format, ...) {
  va_list rest;
  va_start(rest, format);
  printf("  %-16s ", what);
  vprintf(format, rest);
  printf("\n");
  fflush(stdout);
  va_end(rest);
}

static void expect(int is_so, const char *what) {
  if (is_so) return;
  printf("  %-16s NOT WELL: %s\n", "", what);
  failures++;
}

static void say_error(const char *what, const rredis_error *err) {
  say(what, "%s, outcome %s", rredis_status_name(err->status),
      rredis_status_outcome_name(err->outcome));
  say("", "\"%s\"", err->message);
}

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void sleep_ms(long ms) {
  struct timespec rest = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&rest, NULL);
}

static const char *key(const char *name, char buffer[80]) {
  snprintf(buffer, 80, "%s%s", prefix, name);
  return buffer;
}

// A command that is expected to work: without its reply there is nothing to show.
static rredis_reply *ask(size_t argc, const char *const *argv, const size_t *argv_len) {
  rredis_error err;
  rredis_reply *reply;
  if (rredis_client_command(client, argc, argv, argv_len, &reply, &err) == RREDIS_OK) return reply;
  say_error(argv[0], &err);
  printf("\nThe tour ends here.\n");
  exit(1);
}

static int is_text(const rredis_reply *reply, const char *text) {
  return reply->str != NULL && strcmp(reply->str, text) == 0;
}

// ---- The steps ----------------------------------------------------------------------

static void greet(const char *url, const char *socket) {
  const char *info[] = {"INFO", "server"};
  rredis_reply *reply = ask(2, info, NULL);  // a map of sections, each a map of text
  const rredis_reply *section = rredis_reply_find(reply, "Server", 6);
  // Valkey's redis_version is that of the Redis that it can stand in for.
  const rredis_reply *valkey = rredis_reply_find(section, "valkey_version", 14);
  const rredis_reply *version = valkey ? valkey : rredis_reply_find(section, "redis_version", 13);
  printf("\nlibrredis %s, %s %s at %s\n", rredis_version(), valkey ? "Valkey" : "Redis",
         version ? version->str : "?", url);
  int folder_len = socket ? (int)(strrchr(socket, '/') - socket) : 0;
  if (socket) printf("a private server (in %.*s) that is gone afterwards\n\n", folder_len, socket);
  else printf("a server of yours: all keys begin with %s and are removed\n\n", prefix);
  expect(version != NULL, "INFO should say which server it is");
  rredis_reply_free(reply);
}

static void set_and_get(void) {
  char foo[80];
  const char *set[] = {"SET", key("foo", foo), "bar"};
  rredis_reply *reply = ask(3, set, NULL);
  say("set and get", "SET foo bar   %s", reply->str);
  expect(is_text(reply, "OK"), "SET should say OK");
  rredis_reply_free(reply);

  const char *get[] = {"GET", foo};
  reply = ask(2, get, NULL);
  say("", "GET foo       %s", reply->str);
  expect(is_text(reply, "bar"), "GET should say bar");
  rredis_reply_free(reply);
}

static void any_bytes(void) {
  static const char bytes[] = "\0one\0two\r\n\0\xff";
  char name[80];
  const char *set[] = {"SET", key("bytes", name), bytes};
  size_t set_len[] = {3, strlen(name), sizeof bytes - 1};
  rredis_reply_free(ask(3, set, set_len));

  const char *get[] = {"GET", name};
  rredis_reply *reply = ask(2, get, NULL);
  int same = reply->len == sizeof bytes - 1 && memcmp(reply->str, bytes, reply->len) == 0;
  char shown[80] = "";
  for (size_t i = 0; i < reply->len && strlen(shown) < 70; i++) {
    unsigned char byte = (unsigned char)reply->str[i];
    char *end = shown + strlen(shown);
    if (byte >= ' ' && byte < 127) snprintf(end, 5, "%c", byte);
    else snprintf(end, 5, "\\x%02x", byte);
  }
  say("any bytes", "%s   %zu bytes, %s", shown, reply->len, same ? "the same as were sent" : "CHANGED");
  expect(same, "a value should come back as it went");
  rredis_reply_free(reply);
}

static void unix_socket(const char *socket) {
  rredis_error err;
  rredis_client *near = NULL;
  rredis_reply *reply = NULL;
  const char *ping[] = {"PING", "hello through a file"};
  rredis_options *options = rredis_options_new();
  if (rredis_options_set_str(options, RREDIS_OPTION_UNIX_PATH, socket, strlen(socket), &err) == RREDIS_OK &&
      rredis_client_new(options, &near, &err) == RREDIS_OK &&
      rredis_client_command(near, 2, ping, NULL, &reply, &err) == RREDIS_OK) {
    say("unix socket", "PING          %s", reply->str);
    expect(is_text(reply, ping[1]), "PING should say what it was told");
  } else {
    say_error("unix socket", &err);
    failures++;
  }
  rredis_reply_free(reply);
  rredis_client_free(near);
  rredis_options_free(options);
}

static void *count(void *failed) {
  char name[80];
  const char *incr[] = {"INCR", key("counter", name)};
  for (int i = 0; i < COMMANDS; i++) {
    rredis_reply *reply;
    if (rredis_client_command(client, 2, incr, NULL, &reply, NULL) != RREDIS_OK) *(int *)failed = 1;
    else rredis_reply_free(reply);
  }
  return NULL;
}

static void eight_threads(void) {
  pthread_t threads[THREADS];
  int failed[THREADS] = {0};
  double start = milliseconds();
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, count, &failed[i]);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  double took = milliseconds() - start;
  for (int i = 0; i < THREADS; i++) expect(!failed[i], "a thread's command failed");

  char name[80];
  const char *get[] = {"GET", key("counter", name)};
  rredis_reply *reply = ask(2, get, NULL);
  int64_t total = -1;
  rredis_reply_integer(reply, &total, NULL);
  rredis_reply_free(reply);
  say("eight threads", "%lld INCRs on one client in %.0f ms, %.0f a second", (long long)total, took,
      THREADS * COMMANDS / took * 1e3);
  say("", "connections: %lld created, %lld in use, %lld idle",
      (long long)rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_CREATED),
      (long long)rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_IN_USE),
      (long long)rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_IDLE));
  expect(total == THREADS * COMMANDS, "every INCR should count once");
  expect(rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_IN_USE) == 0,
         "no connection should be in use");
}

static void long_list(void) {
  static char texts[LIST][8];
  static const char *push[LIST + 2];
  char name[80];
  push[0] = "RPUSH";
  push[1] = key("list", name);
  for (int i = 0; i < LIST; i++) {
    snprintf(texts[i], sizeof texts[i], "item%d", i % 1000);
    push[i + 2] = texts[i];
  }
  rredis_reply_free(ask(LIST + 2, push, NULL));

  const char *range[] = {"LRANGE", name, "0", "-1"};
  double start = milliseconds();
  rredis_reply *reply = ask(4, range, NULL);
  double took = milliseconds() - start;
  int same = reply->len == LIST;
  for (size_t i = 0; same && i < reply->len; i++) same = is_text(&reply->elements[i], texts[i]);
  say("long list", "LRANGE 0 -1   %zu elements in %.2f ms, one allocation", reply->len, took);
  expect(same, "every element should be the one that was pushed");
  rredis_reply_free(reply);
}

static void map(void) {
  char name[80];
  const char *set[] = {"HSET", key("planet", name), "name", "Mars", "moons", "2", "day", "24h37m"};
  rredis_reply_free(ask(8, set, NULL));

  const char *get[] = {"HGETALL", name};
  rredis_reply *reply = ask(2, get, NULL);
  char shown[120] = "";
  for (size_t i = 0; i + 1 < reply->len; i += 2) {  // a map's elements alternate key, value
    size_t used = strlen(shown);
    snprintf(shown + used, sizeof shown - used, "%s%s: %s", i ? ", " : "", reply->elements[i].str,
             reply->elements[i + 1].str);
  }
  say("map", "HGETALL       %s (%s)", shown, reply->kind == RREDIS_REPLY_MAP ? "a map" : "NO MAP");
  const rredis_reply *moons = rredis_reply_find(reply, "moons", 5);
  expect(moons != NULL && is_text(moons, "2"), "Mars has two moons");
  rredis_reply_free(reply);
}

static void server_error(void) {
  char name[80];
  const char *incr[] = {"INCR", key("foo", name)};
  rredis_error err;
  rredis_reply *reply;
  rredis_status status = rredis_client_command(client, 2, incr, NULL, &reply, &err);
  expect(status == RREDIS_ERR_SERVER && err.outcome == RREDIS_OUTCOME_REFUSED,
         "INCR of a text should be refused");
  if (status == RREDIS_OK) rredis_reply_free(reply);
  else say_error("server's error", &err);
}

// Many commands in one piece, one of which cannot work; and all or nothing.
static void pipeline(void) {
  char name[80], foo[80];
  const char *incr[] = {"INCR", key("tally", name)}, *push[] = {"LPUSH", key("foo", foo), "x"};
  rredis_error err;
  rredis_pipeline *queue;
  rredis_reply *replies;
  if (rredis_pipeline_new(client, &queue, &err) != RREDIS_OK) {
    expect(0, err.message);
    return;
  }
  rredis_status status = RREDIS_OK;
  for (int i = 0; i < PIPELINED && status == RREDIS_OK; i++) {
    int wrong = i == PIPELINED / 2;
    status = rredis_pipeline_add(queue, wrong ? 3 : 2, wrong ? push : incr, NULL, &err);
  }
  double began = milliseconds();
  if (status == RREDIS_OK) status = rredis_pipeline_run(queue, RREDIS_PIPELINE_PLAIN, &replies, &err);
  double took = milliseconds() - began;
  if (status == RREDIS_OK) {
    int64_t failed = rredis_pipeline_failed(queue);
    say("pipeline", "%d commands in %.2f ms, one round trip; number %lld: %.9s ...", PIPELINED, took,
        (long long)failed, failed < 0 ? "none" : replies->elements[failed].str);
    expect(failed == PIPELINED / 2 && replies->elements[PIPELINED - 1].integer == PIPELINED - 1,
           "all others should have counted");
    rredis_reply_free(replies);
  } else {
    say_error("pipeline", &err);
    failures++;
  }

  const char *wrong[] = {"INCR"};
  rredis_pipeline_add(queue, 2, incr, NULL, &err);
  rredis_pipeline_add(queue, 1, wrong, NULL, &err);
  status = rredis_pipeline_run(queue, RREDIS_PIPELINE_ATOMIC, &replies, &err);
  expect(status == RREDIS_ERR_ABORTED && err.outcome == RREDIS_OUTCOME_REFUSED, "nothing of it should have run");
  if (status == RREDIS_OK) rredis_reply_free(replies);
  else say_error("transaction", &err);
  rredis_pipeline_free(queue);
}

static void subscription(void) {
  char name[80];
  const char *channels[] = {key("news", name)};
  rredis_error err;
  rredis_pubsub *pubsub = NULL;
  rredis_reply *message = NULL;
  int64_t receivers = 0;
  if (rredis_pubsub_new(client, &pubsub, &err) == RREDIS_OK &&
      rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_CHANNEL, 1, channels, NULL, &err) == RREDIS_OK &&
      rredis_pubsub_publish(pubsub, name, strlen(name), "it rains", 8, &receivers, &err) == RREDIS_OK &&
      rredis_pubsub_next(pubsub, 5000, &message, &err) == RREDIS_OK) {
    const rredis_reply *of = message->elements;
    say("subscription", "PUBLISH news  %lld heard it: %s", (long long)receivers, of[3].str);
    expect(receivers == 1 && is_text(&of[2], name) && is_text(&of[3], "it rains"), "the message should be ours");
  } else {
    say_error("subscription", &err);
    failures++;
  }
  rredis_reply_free(message);
  rredis_pubsub_free(pubsub);
}

// ---- The server dies, and comes back ------------------------------------------------

static void *wait_for_work(void *err) {
  const char *pop[] = {"BLPOP", "work", "4"};
  rredis_reply *reply;
  if (rredis_client_command(client, 3, pop, NULL, &reply, err) == RREDIS_OK) rredis_reply_free(reply);
  return NULL;
}

static void kill_and_start(const char *kill, const char *start) {
  rredis_error err = {0};
  pthread_t waiting;
  pthread_create(&waiting, NULL, wait_for_work, &err);
  while (rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_IN_USE) == 0) sleep_ms(1);
  sleep_ms(100);
  expect(system(kill) == 0, "the server should have been killed");
  pthread_join(waiting, NULL);
  say_error("killed in BLPOP", &err);
  expect(err.status == RREDIS_ERR_IO && err.outcome == RREDIS_OUTCOME_UNKNOWN,
         "nobody can know what became of it");

  const char *ping[] = {"PING"};
  rredis_reply *reply;
  rredis_status status = rredis_client_command(client, 1, ping, NULL, &reply, &err);
  say_error("while it is down", &err);
  expect(status == RREDIS_ERR_CONNECT && err.outcome == RREDIS_OUTCOME_NOT_SENT,
         "PING cannot have been sent");

  expect(system(start) == 0, "the server should have been started");
  reply = ask(1, ping, NULL);
  say("back to life", "PING          %s, from the same client", reply->str);
  expect(is_text(reply, "PONG"), "PING should say PONG");
  rredis_reply_free(reply);
}

// ---- The tour -----------------------------------------------------------------------

static void leave(void) {
  static const char *const names[] = {"foo", "bytes", "counter", "list", "planet", "tally"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char name[80];
    const char *del[] = {"DEL", key(names[i], name)};
    rredis_reply *reply;
    if (rredis_client_command(client, 2, del, NULL, &reply, NULL) == RREDIS_OK) rredis_reply_free(reply);
  }
  rredis_client_free(client);
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 5) {
    fprintf(stderr, "usage: %s URL [SOCKET KILL START]\n", argv[0]);
    return 2;
  }
  if (argc == 2) snprintf(prefix, sizeof prefix, "librredis-tour:%ld:", (long)getpid());

  rredis_error err;
  rredis_options *options = rredis_options_new();
  if (rredis_options_set_url(options, argv[1], strlen(argv[1]), &err) != RREDIS_OK ||
      rredis_client_new(options, &client, &err) != RREDIS_OK) {
    say_error("the address", &err);
    return 1;
  }
  rredis_reply *address = NULL;  // as text without the password
  if (rredis_options_to_url(options, &address, &err) != RREDIS_OK) return 1;
  greet(address->str, argc == 5 ? argv[2] : NULL);
  rredis_reply_free(address);
  rredis_options_free(options);

  atexit(leave);
  set_and_get();
  any_bytes();
  if (argc == 5) unix_socket(argv[2]);
  eight_threads();
  long_list();
  map();
  server_error();
  pipeline();
  subscription();
  if (argc == 5) kill_and_start(argv[3], argv[4]);

  if (failures) printf("\nNot all is well: %d times it was not as it should be.\n", failures);
  else printf("\nAll is well.\n");
  return failures != 0;
}

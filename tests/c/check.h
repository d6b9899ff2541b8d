// What the C tests share: a check that says where it failed, handles made from the arguments, and the weather that a
// run may ask for. A program prints nothing unless it fails: whatever else appears would be the library's, and a failure.
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <rredis.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, NULL))
// A call that must be RREDIS_OK; the last argument is the rredis_error it was given.
#define CHECK_OK(call, err) ((call) == RREDIS_OK ? (void)0 : check_failed(__FILE__, __LINE__, #call, &(err)))
// A failure must have this status and this outcome.
#define CHECK_FAILS(call, err, want_status, want_outcome)                                         \
  ((call) == (want_status) && (err).status == (want_status) && (err).outcome == (want_outcome)    \
       ? (void)0 : check_failed(__FILE__, __LINE__, #call " is " #want_status ", " #want_outcome, &(err)))
#define CHECK_SAYS(err, text) (strstr((err).message, (text)) ? (void)0 : check_failed(__FILE__, __LINE__, text, &(err)))
// The arguments of one command, where argc, argv and argv_len are due.
#define ARGS(...) sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__}, NULL
#define UNUSED(name) ((void)(name))

static const char *check_host = "127.0.0.1";
static int check_port;
static const char *check_path;

static inline void check_failed(const char *file, int line, const char *what, const rredis_error *err) {
  fprintf(stderr, "%s:%d: %s\n", file, line, what);
  if (err) fprintf(stderr, "  status %d, outcome %d, errno %d: %s\n", err->status, err->outcome, err->os_error, err->message);
  exit(1);
}

static inline int64_t check_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void check_sleep_ms(int64_t ms) {
  int64_t until = check_now_ms() + ms, left;
  while ((left = until - check_now_ms()) > 0) {
    struct timespec pause = {left / 1000, left % 1000 * 1000000};
    nanosleep(&pause, NULL);
  }
}

static inline void check_tick(int signal) { UNUSED(signal); }

static inline void check_calm(void) {
  struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
}

// A signal every millisecond, and no SA_RESTART: whatever can be interrupted, is. It ends with the program proper: what a
// sanitizer does after that cannot bear it.
static inline void check_storm(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = check_tick;
  sigaction(SIGALRM, &action, NULL);
  struct itimerval every = {{0, 1000}, {0, 1000}};
  CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0 && atexit(check_calm) == 0);
}

// So many descriptors open that the library's own are far above 1024, where select(2) would write out of bounds.
static inline void check_crowd(int count) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  for (int i = 0; i < count; i++) CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

// argv: host port path. RREDIS_TEST_STORM and RREDIS_TEST_FDS ask for weather.
static inline void check_begin(int argc, char **argv) {
  CHECK(argc >= 4);
  check_host = argv[1];
  check_port = atoi(argv[2]);
  check_path = argv[3];
  if (getenv("RREDIS_TEST_FDS")) check_crowd(atoi(getenv("RREDIS_TEST_FDS")));
  if (getenv("RREDIS_TEST_STORM")) check_storm();
}

static inline rredis_options *check_options_tcp(void) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  CHECK(options != NULL);
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_HOST, check_host, strlen(check_host), &err), err);
  CHECK_OK(rredis_options_set_int(options, RREDIS_OPTION_PORT, check_port, &err), err);
  return options;
}

static inline rredis_options *check_options_unix(void) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  CHECK(options != NULL);
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_UNIX_PATH, check_path, strlen(check_path), &err), err);
  return options;
}

static inline void check_set_int(rredis_options *options, rredis_option option, int64_t value) {
  rredis_error err;
  CHECK_OK(rredis_options_set_int(options, option, value, &err), err);
}

// A client of these options, which end here.
static inline rredis_client *check_client(rredis_options *options) {
  rredis_error err;
  rredis_client *client = NULL;
  CHECK_OK(rredis_client_new(options, &client, &err), err);
  CHECK(client != NULL);
  rredis_options_free(options);
  return client;
}

// The reply of a command that must succeed, as it came.
static inline rredis_reply *check_ask(const rredis_client *client, size_t argc, const char *const *argv,
    const size_t *argv_len) {
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_client_command_with(client, argc, argv, argv_len, RREDIS_CALL_RAW, 0, NULL, &reply, &err), err);
  CHECK(reply != NULL);
  return reply;
}

static inline void check_do(const rredis_client *client, size_t argc, const char *const *argv, const size_t *argv_len) {
  rredis_reply_free(check_ask(client, argc, argv, argv_len));
}

static inline int check_is(const rredis_reply *reply, rredis_reply_kind kind, const char *text) {
  return reply && reply->kind == kind && reply->len == strlen(text) && memcmp(reply->str, text, reply->len) == 0
      && reply->str[reply->len] == 0;
}

static inline int check_is_integer(const rredis_reply *reply, int64_t value) {
  return reply && reply->kind == RREDIS_REPLY_INTEGER && reply->integer == value && reply->str == NULL;
}

// Bytes of the wire as a reply, by way of the library's own parser.
static inline rredis_reply *check_parse(const char *bytes) {
  rredis_error err;
  rredis_parser *parser = NULL;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_parser_new(NULL, &parser, &err), err);
  CHECK_OK(rredis_parser_feed(parser, bytes, strlen(bytes), &err), err);
  CHECK_OK(rredis_parser_next(parser, &reply, &err), err);
  rredis_parser_free(parser);
  return reply;
}

// A value of `len` bytes in which every byte value occurs; freed by the caller.
static inline char *check_bytes(size_t len) {
  char *bytes = malloc(len + 1);
  CHECK(bytes != NULL);
  for (size_t i = 0; i < len; i++) bytes[i] = (char)(i * 31 + i / 256);
  bytes[len] = 0;
  return bytes;
}

// GET this key and compare.
static inline void check_value(const rredis_client *client, const char *key, const char *value, size_t value_len) {
  rredis_reply *reply = check_ask(client, ARGS("GET", key));
  CHECK(reply->kind == RREDIS_REPLY_STRING);
  CHECK(reply->len == value_len);
  CHECK(memcmp(reply->str, value, value_len) == 0);
  CHECK(reply->str[value_len] == 0);
  rredis_reply_free(reply);
}
#endif

// GETs that overlap, through one poll loop: rredis_async, and the async API of hiredis on the same loop.
//
//   async rredis|hiredis HOST PORT COUNT WINDOW
//
// Prints how many replies came, and nanoseconds of this process's time in user space for one of them.
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <rredis.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static long count, sent, came;

static const char *const GET[] = {"GET", "bench:key"};
static const size_t GET_LEN[] = {3, 9};

static void die(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(1);
}

static void looked_at(const char *text, size_t len) {
  if (len != 64 || text[63] != 'x') die("a wrong reply");
  came++;
}

// ---- rredis ----

static void submit(rredis_async *async) {
  rredis_error err;
  sent++;
  if (rredis_async_submit(async, 2, GET, GET_LEN, RREDIS_CALL_DEFAULT, 0, &count, &err) != RREDIS_OK) die(err.message);
}

static void with_rredis(const char *host, int port, long window) {
  rredis_error err;
  rredis_client *client;
  rredis_async *async;
  rredis_options *options = rredis_options_new();
  rredis_options_set_str(options, RREDIS_OPTION_HOST, host, strlen(host), NULL);
  rredis_options_set_int(options, RREDIS_OPTION_PORT, port, NULL);
  rredis_options_set_int(options, RREDIS_OPTION_PROTOCOL, 2, NULL);
  if (rredis_client_new(options, &client, &err) != RREDIS_OK || rredis_async_new(client, &async, &err) != RREDIS_OK)
    die(err.message);
  while (sent < window && sent < count) submit(async);
  while (came < count) {
    struct pollfd watched = {rredis_async_fd(async), POLLIN, 0};
    poll(&watched, 1, -1);
    if (rredis_async_step(async, watched.revents ? RREDIS_READY_READ : RREDIS_READY_NONE, &err) != RREDIS_OK) die(err.message);
    rredis_reply *reply;
    void *call_data;
    rredis_status status;
    while ((status = rredis_async_next(async, &reply, &call_data, &err)) == RREDIS_OK) {
      looked_at(reply->str, reply->len);
      rredis_reply_free(reply);
      if (sent < count) submit(async);
    }
    if (status != RREDIS_ERR_AGAIN) die(err.message);
  }
  rredis_async_free(async);
  rredis_client_free(client);
  rredis_options_free(options);
}

// ---- hiredis ----

static int events;

static void add_read(void *data) { (void)data; events |= POLLIN; }
static void del_read(void *data) { (void)data; events &= ~POLLIN; }
static void add_write(void *data) { (void)data; events |= POLLOUT; }
static void del_write(void *data) { (void)data; events &= ~POLLOUT; }

static void replied(redisAsyncContext *context, void *given, void *data) {
  redisReply *reply = given;
  if (reply == NULL || data != &count) die("no reply");
  looked_at(reply->str, (size_t)reply->len);
  if (sent < count) {
    sent++;
    redisAsyncCommandArgv(context, replied, &count, 2, (const char **)GET, GET_LEN);
  }
}

static void with_hiredis(const char *host, int port, long window) {
  redisAsyncContext *context = redisAsyncConnect(host, port);
  if (context == NULL || context->err) die("hiredis does not connect");
  context->ev.addRead = add_read;
  context->ev.delRead = del_read;
  context->ev.addWrite = add_write;
  context->ev.delWrite = del_write;
  for (; sent < window && sent < count; sent++)
    redisAsyncCommandArgv(context, replied, &count, 2, (const char **)GET, GET_LEN);
  while (came < count) {
    struct pollfd watched = {context->c.fd, (short)events, 0};
    poll(&watched, 1, -1);
    if (watched.revents & (POLLIN | POLLERR | POLLHUP)) redisAsyncHandleRead(context);
    if (watched.revents & POLLOUT) redisAsyncHandleWrite(context);
  }
  redisAsyncFree(context);
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  count = atol(argv[4]);
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  (strcmp(argv[1], "rredis") == 0 ? with_rredis : with_hiredis)(argv[2], atoi(argv[3]), atol(argv[5]));
  getrusage(RUSAGE_SELF, &after);
  double ns = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1e9 +
              (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) * 1e3;
  printf("%ld %.0f\n", came, ns / (double)count);
  return 0;
}

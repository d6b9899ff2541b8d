// rredis_async in libev's loop: one ev_io for the descriptor, which tells of the time, too.
//
//   cc libev.c $(pkg-config --cflags --libs rredis) -lev && ./a.out redis://127.0.0.1

#include <ev.h>
#include <stdlib.h>
#include <rredis.h>
#include <stdio.h>
#include <string.h>

static rredis_async *async;
static int due;
static ev_io watcher;

static void die(const rredis_error *err) {
  fprintf(stderr, "%s: %s\n", rredis_status_name(err->status), err->message);
  exit(1);
}

// Step, and take what came.
static void readable(struct ev_loop *loop, ev_io *io, int events) {
  (void)io, (void)events;
  rredis_error err;
  rredis_reply *reply;
  void *call_data;
  rredis_status status;
  if (rredis_async_step(async, RREDIS_READY_READ, &err) != RREDIS_OK) die(&err);
  while ((status = rredis_async_next(async, &reply, &call_data, &err)) != RREDIS_ERR_AGAIN) {
    due--;
    if (status != RREDIS_OK) printf("%s: %s\n", (const char *)call_data, err.message);
    else printf("%s: %s\n", (const char *)call_data, reply->str);
    if (status == RREDIS_OK) rredis_reply_free(reply);
  }
  if (due == 0) ev_break(loop, EVBREAK_ALL);
}

int main(int argc, char **argv) {
  rredis_error err;
  rredis_client *client;
  rredis_options *options = rredis_options_new();
  if (argc != 2 || options == NULL) return 2;
  if (rredis_options_set_url(options, argv[1], strlen(argv[1]), &err) != RREDIS_OK ||
      rredis_client_new(options, &client, &err) != RREDIS_OK || rredis_async_new(client, &async, &err) != RREDIS_OK)
    die(&err);

  struct ev_loop *loop = EV_DEFAULT;
  ev_io_init(&watcher, readable, rredis_async_fd(async), EV_READ);
  ev_io_start(loop, &watcher);
  for (; due < 3; due++) {
    static const char *const words[] = {"one", "two", "three"};
    const char *echo[] = {"ECHO", words[due]};
    if (rredis_async_submit(async, 2, echo, NULL, RREDIS_CALL_DEFAULT, 0, (void *)words[due], &err) != RREDIS_OK) die(&err);
  }
  ev_run(loop, 0);

  ev_io_stop(loop, &watcher);
  ev_loop_destroy(loop);
  rredis_async_free(async);
  rredis_client_free(client);
  rredis_options_free(options);
  return 0;
}

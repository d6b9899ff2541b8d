// rredis_async in libuv's loop: one uv_poll_t for the descriptor, which tells of the time, too.
//
//   cc libuv.c $(pkg-config --cflags --libs rredis libuv) && ./a.out redis://127.0.0.1

#include <stdlib.h>
#include <uv.h>
#include <rredis.h>
#include <stdio.h>
#include <string.h>

static rredis_async *async;
static int due;
static uv_poll_t watcher;

static void die(const rredis_error *err) {
  fprintf(stderr, "%s: %s\n", rredis_status_name(err->status), err->message);
  exit(1);
}

// Step, and take what came.
static void readable(uv_poll_t *handle, int failure, int events) {
  (void)failure, (void)events;
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
  if (due == 0) uv_stop(handle->loop);
}

int main(int argc, char **argv) {
  rredis_error err;
  rredis_client *client;
  rredis_options *options = rredis_options_new();
  if (argc != 2 || options == NULL) return 2;
  if (rredis_options_set_url(options, argv[1], strlen(argv[1]), &err) != RREDIS_OK ||
      rredis_client_new(options, &client, &err) != RREDIS_OK || rredis_async_new(client, &async, &err) != RREDIS_OK)
    die(&err);

  uv_poll_init(uv_default_loop(), &watcher, rredis_async_fd(async));
  uv_poll_start(&watcher, UV_READABLE, readable);
  for (; due < 3; due++) {
    static const char *const words[] = {"one", "two", "three"};
    const char *echo[] = {"ECHO", words[due]};
    if (rredis_async_submit(async, 2, echo, NULL, RREDIS_CALL_DEFAULT, 0, (void *)words[due], &err) != RREDIS_OK) die(&err);
  }
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);

  uv_close((uv_handle_t *)&watcher, NULL);
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  uv_loop_close(uv_default_loop());
  rredis_async_free(async);
  rredis_client_free(client);
  rredis_options_free(options);
  return 0;
}

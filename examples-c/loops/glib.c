// rredis_async in GLib's loop: a source that watches the descriptor, which tells of the time, too.
//
//   cc glib.c $(pkg-config --cflags --libs rredis glib-2.0) && ./a.out redis://127.0.0.1

#include <glib-unix.h>
#include <stdlib.h>
#include <rredis.h>
#include <stdio.h>
#include <string.h>

static rredis_async *async;
static int due;
static GMainLoop *loop;

static void die(const rredis_error *err) {
  fprintf(stderr, "%s: %s\n", rredis_status_name(err->status), err->message);
  exit(1);
}

// Step, and take what came.
static gboolean readable(gint fd, GIOCondition condition, gpointer data) {
  (void)fd, (void)condition, (void)data;
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
  if (due == 0) g_main_loop_quit(loop);
  return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv) {
  rredis_error err;
  rredis_client *client;
  rredis_options *options = rredis_options_new();
  if (argc != 2 || options == NULL) return 2;
  if (rredis_options_set_url(options, argv[1], strlen(argv[1]), &err) != RREDIS_OK ||
      rredis_client_new(options, &client, &err) != RREDIS_OK || rredis_async_new(client, &async, &err) != RREDIS_OK)
    die(&err);

  loop = g_main_loop_new(NULL, FALSE);
  guint watcher = g_unix_fd_add(rredis_async_fd(async), G_IO_IN, readable, NULL);
  for (; due < 3; due++) {
    static const char *const words[] = {"one", "two", "three"};
    const char *echo[] = {"ECHO", words[due]};
    if (rredis_async_submit(async, 2, echo, NULL, RREDIS_CALL_DEFAULT, 0, (void *)words[due], &err) != RREDIS_OK) die(&err);
  }
  g_main_loop_run(loop);

  g_source_remove(watcher);
  g_main_loop_unref(loop);
  rredis_async_free(async);
  rredis_client_free(client);
  rredis_options_free(options);
  return 0;
}

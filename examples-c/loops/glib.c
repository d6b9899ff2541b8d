// rredis_async in GLib's loop: a source that watches the descriptor and is ready at the deadline.
//
//   cc glib.c $(pkg-config --cflags --libs rredis glib-2.0) && ./a.out redis://127.0.0.1

#include <glib.h>
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

// Step, take what came, and say when to come again.
static void turn(uint32_t ready) {
  rredis_error err;
  rredis_reply *reply;
  void *call_data;
  rredis_status status;
  if (rredis_async_step(async, ready, &err) != RREDIS_OK) die(&err);
  while ((status = rredis_async_next(async, &reply, &call_data, &err)) != RREDIS_ERR_AGAIN) {
    due--;
    if (status != RREDIS_OK) printf("%s: %s\n", (const char *)call_data, err.message);
    else printf("%s: %s\n", (const char *)call_data, reply->str);
    if (status == RREDIS_OK) rredis_reply_free(reply);
  }
  if (due == 0) g_main_loop_quit(loop);
}

// A source is asked before each poll how long that may be.
typedef struct source { GSource base; gpointer fd; } source;

static gboolean prepare(GSource *base, gint *timeout) {
  (void)base;
  int64_t ms = rredis_async_deadline_ms(async);
  *timeout = ms > G_MAXINT ? G_MAXINT : (gint)ms;
  return ms == 0;
}

static gboolean check(GSource *base) {
  return g_source_query_unix_fd(base, ((source *)base)->fd) != 0 || rredis_async_deadline_ms(async) == 0;
}

static gboolean dispatch(GSource *base, GSourceFunc function, gpointer data) {
  (void)function, (void)data;
  turn(g_source_query_unix_fd(base, ((source *)base)->fd) ? RREDIS_READY_READ : RREDIS_READY_NONE);
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

  static GSourceFuncs functions = {.prepare = prepare, .check = check, .dispatch = dispatch};
  loop = g_main_loop_new(NULL, FALSE);
  GSource *watcher = g_source_new(&functions, sizeof(source));
  ((source *)watcher)->fd = g_source_add_unix_fd(watcher, rredis_async_fd(async), G_IO_IN);
  g_source_attach(watcher, NULL);
  for (; due < 3; due++) {
    static const char *const words[] = {"one", "two", "three"};
    const char *echo[] = {"ECHO", words[due]};
    if (rredis_async_submit(async, 2, echo, NULL, RREDIS_CALL_DEFAULT, 0, (void *)words[due], &err) != RREDIS_OK) die(&err);
  }
  g_main_loop_run(loop);

  g_source_destroy(watcher);
  g_source_unref(watcher);
  g_main_loop_unref(loop);
  rredis_async_free(async);
  rredis_client_free(client);
  rredis_options_free(options);
  return 0;
}

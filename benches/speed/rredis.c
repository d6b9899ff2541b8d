// librredis: one client for all threads, and a pipeline for each thread that needs one.

#include "speed.h"

#include <rredis.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 60000 };

static rredis_client *client;

static void set_int(rredis_options *options, rredis_option option, int64_t value) {
  rredis_error err;
  if (rredis_options_set_int(options, option, value, &err)) failed(err.message);
}

static void set_str(rredis_options *options, rredis_option option, const char *value) {
  rredis_error err;
  if (rredis_options_set_str(options, option, value, strlen(value), &err)) failed(err.message);
}

// RREDIS_SHARE and RREDIS_POOL_MAX change the options of those names; the default is what a program gets that sets none.
void client_open(const char *place) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  if (is_unix(place)) set_str(options, RREDIS_OPTION_UNIX_PATH, place + 5);
  else set_int(options, RREDIS_OPTION_PORT, port_of(place));
  if (is_tls(place)) {
    set_int(options, RREDIS_OPTION_TLS, 1);
    set_str(options, RREDIS_OPTION_TLS_CA_FILE, getenv("RREDIS_CA"));
  }
  if (getenv("RREDIS_SHARE")) set_int(options, RREDIS_OPTION_SHARE, atoi(getenv("RREDIS_SHARE")));
  if (getenv("RREDIS_POOL_MAX")) set_int(options, RREDIS_OPTION_POOL_MAX, atoi(getenv("RREDIS_POOL_MAX")));
  set_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, TIMEOUT_MS);
  if (rredis_client_new(options, &client, &err)) failed(err.message);
  rredis_options_free(options);
}

void client_close(void) { rredis_client_free(client); }

void *link_open(const char *place) {
  (void)place;
  rredis_error err;
  rredis_pipeline *pipeline;
  if (rredis_pipeline_new(client, &pipeline, &err)) failed(err.message);
  return pipeline;
}

void link_close(void *link) { rredis_pipeline_free(link); }

size_t link_run(void *link, const command *sent, int times) {
  rredis_error err;
  rredis_reply *reply;
  size_t argc = (size_t)sent->argc;
  if (times == 1) {
    if (rredis_client_command(client, argc, sent->argv, sent->argv_len, &reply, &err)) return lost(err.message);
    size_t len = reply->len;
    rredis_reply_free(reply);
    return len;
  }
  for (int i = 0; i < times; i++)
    if (rredis_pipeline_add(link, argc, sent->argv, sent->argv_len, &err)) failed(err.message);
  if (rredis_pipeline_run(link, RREDIS_PIPELINE_PLAIN, &reply, &err)) return lost(err.message);
  if (reply->len != (size_t)times) failed("other replies");
  size_t len = reply->elements[times - 1].len;
  rredis_reply_free(reply);
  return len;
}

// What happens to connections and commands is told, each thing once, inside the call during which it happens.
#include "check.h"

typedef struct { const rredis_client *client; int connected, lost, retry, busy, freed; char last[300]; int64_t id; } diary;

static void note(void *user_data, const rredis_reply *event) {
  diary *d = user_data;
  CHECK(event->kind == RREDIS_REPLY_PUSH && event->len >= 3);
  const rredis_reply *e = event->elements;
  snprintf(d->last, sizeof d->last, "%s", e[0].str);
  if (strcmp(e[0].str, "connected") == 0) {
    CHECK(event->len == 3 && e[1].kind == RREDIS_REPLY_STRING && e[2].kind == RREDIS_REPLY_INTEGER);
    CHECK(d->connected++ == 0 || e[2].integer != d->id);
    d->id = e[2].integer;
  } else if (strcmp(e[0].str, "lost") == 0) {
    CHECK(event->len == 5 && e[2].kind == RREDIS_REPLY_INTEGER && strcmp(e[3].str, "IO") == 0 && e[4].len > 0);
    d->lost++;
  } else if (strcmp(e[0].str, "retry") == 0) {
    CHECK(event->len == 5 && strcmp(e[1].str, "GET") == 0 && e[2].integer > 0 && e[3].integer >= 0);
    d->retry++;
  } else {
    CHECK(strcmp(e[0].str, "busy") == 0 && event->len == 4);
    CHECK(e[1].integer == 1 && e[2].integer == 1 && e[3].integer >= 20);
    d->busy++;
  }
  // The connection has gone back: the same client may be used from here.
  if (d->client && d->connected == 1 && strcmp(e[0].str, "connected") == 0) check_do(d->client, ARGS("PING"));
}

static void freed(void *user_data) { ((diary *)user_data)->freed++; }

int main(int argc, char **argv) {
  check_begin(argc, argv);
  rredis_error err;
  rredis_reply *reply;
  diary d = {NULL, 0, 0, 0, 0, 0, "", 0};
  rredis_options *options = check_options_tcp();
  CHECK_OK(rredis_options_on_event(options, note, &d, freed, &err), err);
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 1);
  check_set_int(options, RREDIS_OPTION_POOL_WAIT_MS, 30);
  rredis_client *client = check_client(options);
  CHECK(d.connected == 0);
  d.client = client;
  check_do(client, ARGS("GET", "event:key"));
  CHECK(d.connected == 1 && d.lost == 0);

  // The server closes what rests: that is noticed, told, and mended before anything is written.
  rredis_client *other = check_client(check_options_tcp());
  check_do(other, ARGS("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "yes"));
  check_do(client, ARGS("GET", "event:key"));
  CHECK(d.lost == 1 && d.connected == 2 && d.retry == 0);

  // The one connection is kept by somebody.
  rredis_conn *conn;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  CHECK_FAILS(rredis_client_command(client, ARGS("GET", "a"), &reply, &err), err, RREDIS_ERR_BUSY, RREDIS_OUTCOME_NOT_SENT);
  CHECK(d.busy == 1);
  rredis_conn_free(conn);

  CHECK(d.freed == 0);
  rredis_client_free(other);
  rredis_client_free(client);
  CHECK(d.freed == 1);

  // Nobody there: tried again and again, and told each time.
  memset(&d, 0, sizeof d);
  options = rredis_options_new();
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_UNIX_PATH, "/nowhere/at/all", 15, &err), err);
  CHECK_OK(rredis_options_on_event(options, note, &d, freed, &err), err);
  check_set_int(options, RREDIS_OPTION_RETRY_MAX, 2);
  check_set_int(options, RREDIS_OPTION_BACKOFF_MS, 1);
  client = check_client(options);
  CHECK_FAILS(rredis_client_command(client, ARGS("GET", "a"), &reply, &err), err, RREDIS_ERR_CONNECT, RREDIS_OUTCOME_NOT_SENT);
  CHECK(err.attempts == 3 && d.retry == 2 && d.connected == 0);
  CHECK(rredis_client_stat(client, RREDIS_STAT_RETRIES) == 2);
  rredis_client_free(client);
  return 0;
}

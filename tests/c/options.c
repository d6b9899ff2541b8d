// Options: numbers, text and URLs in, the same out again, and what is refused.
#include "check.h"

static int64_t get_int(const rredis_options *options, rredis_option option) {
  rredis_error err;
  int64_t value = -4711;
  CHECK_OK(rredis_options_get_int(options, option, &value, &err), err);
  return value;
}

static int str_is(const rredis_options *options, rredis_option option, const char *want) {
  size_t len = 4711;
  const char *str = rredis_options_get_str(options, option, &len);
  return str && len == strlen(want) && memcmp(str, want, len) == 0 && str[len] == 0;
}

static rredis_status set_url(rredis_options *options, const char *url, rredis_error *err) {
  return rredis_options_set_url(options, url, strlen(url), err);
}

static void defaults(void) {
  rredis_options *options = rredis_options_new();
  CHECK(str_is(options, RREDIS_OPTION_HOST, "127.0.0.1"));
  CHECK(get_int(options, RREDIS_OPTION_PORT) == 6379);
  CHECK(get_int(options, RREDIS_OPTION_DATABASE) == 0);
  CHECK(get_int(options, RREDIS_OPTION_PROTOCOL) == 0);
  CHECK(get_int(options, RREDIS_OPTION_POOL_MAX) == 64);
  CHECK(get_int(options, RREDIS_OPTION_POOL_WAIT_MS) == -1);
  CHECK(get_int(options, RREDIS_OPTION_CONNECT_TIMEOUT_MS) == 5000);
  CHECK(get_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS) == 5000);
  CHECK(get_int(options, RREDIS_OPTION_SHAPE) == RREDIS_SHAPE_CANONICAL);
  CHECK(get_int(options, RREDIS_OPTION_PARSER) == RREDIS_PARSER_AUTO);
  CHECK(get_int(options, RREDIS_OPTION_REPLY_BYTES_MAX) == 1 << 30);
  rredis_options_free(options);
  rredis_options_free(NULL);
}

static void set_and_get(void) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  check_set_int(options, RREDIS_OPTION_PORT, 7000);
  CHECK(get_int(options, RREDIS_OPTION_PORT) == 7000);
  char name[] = "a name";
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_USERNAME, name, 6, &err), err);
  memset(name, 'x', 6);   // what goes in is copied
  CHECK(str_is(options, RREDIS_OPTION_USERNAME, "a name"));

  // A password goes in and never comes out.
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_PASSWORD, "s3cret", 6, &err), err);
  CHECK(rredis_options_get_str(options, RREDIS_OPTION_PASSWORD, NULL) == NULL);

  // What is refused changes nothing, and the message names it.
  CHECK_FAILS(rredis_options_set_int(options, RREDIS_OPTION_PORT, 65536, &err), err, RREDIS_ERR_CONFIG, RREDIS_OUTCOME_NONE);
  CHECK_SAYS(err, "port");
  CHECK_FAILS(rredis_options_set_int(options, RREDIS_OPTION_PORT, -1, &err), err, RREDIS_ERR_CONFIG, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_options_set_int(options, RREDIS_OPTION_PROTOCOL, 1, &err), err, RREDIS_ERR_CONFIG, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_options_set_int(options, RREDIS_OPTION_POOL_MAX, 0, &err), err, RREDIS_ERR_CONFIG, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_options_set_int(options, RREDIS_OPTION_POOL_MAX, 65536, &err), err, RREDIS_ERR_CONFIG, RREDIS_OUTCOME_NONE);
  CHECK(get_int(options, RREDIS_OPTION_PORT) == 7000);
  CHECK(rredis_options_set_int(options, (rredis_option)4711, 1, &err) == RREDIS_ERR_ARGUMENT);
  CHECK(rredis_options_set_int(options, RREDIS_OPTION_HOST, 1, &err) != RREDIS_OK);   // text, not a number
  CHECK(rredis_options_set_str(options, RREDIS_OPTION_PORT, "x", 1, &err) != RREDIS_OK);
  CHECK(rredis_options_set_str(options, RREDIS_OPTION_HOST, NULL, 3, &err) == RREDIS_ERR_ARGUMENT);

  // A path too long for a socket is refused whole, never cut.
  char path[300];
  memset(path, 'p', sizeof path);
  path[0] = '/';
  rredis_status status = rredis_options_set_str(options, RREDIS_OPTION_UNIX_PATH, path, 200, &err);
  CHECK(status == RREDIS_ERR_CONFIG);
  CHECK_SAYS(err, "unix_path");
  rredis_options_free(options);
}

static void urls(void) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  CHECK_OK(set_url(options, "redis://me:p%40ss@[::1]:7001/3?command_timeout=250ms&pool_max=5&protocol=2", &err), err);
  CHECK(str_is(options, RREDIS_OPTION_HOST, "::1"));
  CHECK(get_int(options, RREDIS_OPTION_PORT) == 7001);
  CHECK(get_int(options, RREDIS_OPTION_DATABASE) == 3);
  CHECK(get_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS) == 250);
  CHECK(get_int(options, RREDIS_OPTION_POOL_MAX) == 5);
  CHECK(get_int(options, RREDIS_OPTION_PROTOCOL) == 2);
  CHECK(str_is(options, RREDIS_OPTION_USERNAME, "me"));

  // Out again, without the secret, and whole enough to go in again.
  rredis_reply *text = NULL;
  CHECK_OK(rredis_options_to_url(options, &text, &err), err);
  CHECK(text->kind == RREDIS_REPLY_STRING && strncmp(text->str, "redis://", 8) == 0);
  CHECK(strstr(text->str, "[::1]:7001/3") != NULL);
  CHECK(strstr(text->str, "p%40ss") == NULL && strstr(text->str, "p@ss") == NULL);
  rredis_options *again = rredis_options_new();
  CHECK_OK(rredis_options_set_url(again, text->str, text->len, &err), err);
  CHECK(get_int(again, RREDIS_OPTION_PORT) == 7001 && get_int(again, RREDIS_OPTION_COMMAND_TIMEOUT_MS) == 250);
  rredis_reply_free(text);
  rredis_options_free(again);

  // All or nothing, and an error says what, without the secret.
  const char *wrong[] = {
    "http://x/", "redis://h:99999/", "redis://h:x/", "redis://u:s3cret@h/notanumber", "redis://h/0?no_such_option=1",
    "redis://h/0?port=1&pool_max=abc", "redis://h/%zz", "", "redis", "unix://", "redis://h:1/0?command_timeout=5parsecs",
    "redis://h1:1,h2:2", "redis-sentinel://h/0#my#master", "redis+cluster://h,", "unix:///path/2", "redis://h?timeout=1",
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK_FAILS(set_url(options, wrong[i], &err), err, RREDIS_ERR_CONFIG, RREDIS_OUTCOME_NONE);
    CHECK(strstr(err.message, "s3cret") == NULL);
  }
  CHECK(str_is(options, RREDIS_OPTION_HOST, "::1") && get_int(options, RREDIS_OPTION_PORT) == 7001);
  rredis_options_free(options);

  // A time that means one thing here and another there is not guessed: both are named. Nor is a database in a path.
  options = rredis_options_new();
  CHECK(set_url(options, "redis://h?timeout=1", &err) == RREDIS_ERR_CONFIG);
  CHECK_SAYS(err, "pool_wait");
  CHECK_SAYS(err, "command_timeout");
  CHECK(set_url(options, "unix:///path/2", &err) == RREDIS_ERR_CONFIG);
  CHECK_SAYS(err, "?database=");
  // Nor is it guessed what several servers are.
  CHECK(set_url(options, "redis://h1:1,h2:2/0", &err) == RREDIS_ERR_CONFIG);
  CHECK_SAYS(err, "redis+cluster://");

  // What is only untidy, or another client's way to say it, is read.
  CHECK_OK(set_url(options, "tls://h/1/?ssl_cert_reqs=CERT_REQUIRED&", &err), err);
  CHECK(get_int(options, RREDIS_OPTION_TLS) == 1 && get_int(options, RREDIS_OPTION_DATABASE) == 1);
  CHECK(get_int(options, RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY) == 0);
  CHECK_OK(set_url(options, "redis://g?", &err), err);
  CHECK(str_is(options, RREDIS_OPTION_HOST, "g") && get_int(options, RREDIS_OPTION_TLS) == 0);
  rredis_options_free(options);

  // A scheme says how many servers there are, and the next URL's servers are in the place of these.
  options = rredis_options_new();
  CHECK_OK(set_url(options, "redis-sentinel://h1:26379,h2/2?sentinel_password=s3cret#mymaster", &err), err);
  CHECK(get_int(options, RREDIS_OPTION_TOPOLOGY) == RREDIS_TOPOLOGY_SENTINEL);
  CHECK(str_is(options, RREDIS_OPTION_SEEDS, "h1:26379,h2"));
  CHECK(str_is(options, RREDIS_OPTION_SENTINEL_SERVICE, "mymaster"));
  CHECK(get_int(options, RREDIS_OPTION_DATABASE) == 2);
  CHECK(rredis_options_get_str(options, RREDIS_OPTION_SENTINEL_PASSWORD, NULL) == NULL);
  CHECK_OK(rredis_options_to_url(options, &text, &err), err);
  CHECK(strcmp(text->str, "redis+sentinel://h1:26379,h2:26379/mymaster/2?sentinel_password=***") == 0);
  rredis_reply_free(text);
  CHECK_OK(set_url(options, "redis+cluster://a,[::1]:7", &err), err);
  CHECK(get_int(options, RREDIS_OPTION_TOPOLOGY) == RREDIS_TOPOLOGY_CLUSTER);
  CHECK(str_is(options, RREDIS_OPTION_SEEDS, "a,[::1]:7"));
  CHECK(rredis_options_get_str(options, RREDIS_OPTION_SENTINEL_SERVICE, NULL) == NULL);
  CHECK_OK(set_url(options, "redis://g", &err), err);
  CHECK(get_int(options, RREDIS_OPTION_TOPOLOGY) == RREDIS_TOPOLOGY_SINGLE);
  CHECK(rredis_options_get_str(options, RREDIS_OPTION_SEEDS, NULL) == NULL);
  rredis_options_free(options);

  // unix:// is a path; a bare number of seconds, redis-py's own names.
  options = rredis_options_new();
  CHECK_OK(set_url(options, "unix:///tmp/a%20b.sock?db=2&socket_timeout=0.5", &err), err);
  CHECK(str_is(options, RREDIS_OPTION_UNIX_PATH, "/tmp/a b.sock"));
  CHECK(get_int(options, RREDIS_OPTION_DATABASE) == 2);
  CHECK(get_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS) == 500);
  rredis_options_free(options);
}

// A URL is enough to reach a server, by either road.
static void used(void) {
  rredis_error err;
  char url[512];
  snprintf(url, sizeof url, "redis://%s:%d/1?client_name=from-a-url", check_host, check_port);
  rredis_options *options = rredis_options_new();
  CHECK_OK(set_url(options, url, &err), err);
  rredis_client *client = check_client(options);
  rredis_reply *name = check_ask(client, ARGS("CLIENT", "GETNAME"));
  CHECK(check_is(name, RREDIS_REPLY_STRING, "from-a-url"));
  rredis_reply_free(name);
  rredis_client_free(client);

  snprintf(url, sizeof url, "unix://%s?db=1", check_path);
  options = rredis_options_new();
  CHECK_OK(set_url(options, url, &err), err);
  client = check_client(options);
  rredis_reply *pong = check_ask(client, ARGS("PING"));
  CHECK(check_is(pong, RREDIS_REPLY_STATUS, "PONG"));
  rredis_reply_free(pong);
  rredis_client_free(client);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  defaults();
  set_and_get();
  urls();
  used();
  return 0;
}

// Every way to fail, many times over. Under AddressSanitizer what any of them forgets is reported: a single piece might be
// overlooked behind a stale pointer, fifty are not. Without it, the memory of the process must not grow with the rounds.
#include "check.h"

#include <malloc.h>

enum { ROUNDS = 80, EARLY = 20 };

static rredis_status refuse(void *user_data, void *call_data, size_t argc, const char *const *argv, const size_t *argv_len,
    const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(call_data); UNUSED(argc); UNUSED(argv); UNUSED(argv_len); UNUSED(user_data);
  // A reply given and the call refused all the same: whose is it? The library's, as with any reply that is given.
  (void)rredis_reply_clone(reply, out_reply, err);
  return RREDIS_ERR_CALLBACK;
}

static void freed(void *user_data) { free(user_data); }

static rredis_client *with_callback(rredis_options *options) {
  rredis_error err;
  CHECK_OK(rredis_options_set_callback(options, "ECHO", 4, refuse, malloc(40), freed, &err), err);
  rredis_client *client = check_client(options);
  CHECK_OK(rredis_client_set_callback(client, "GET", 3, refuse, malloc(40), freed, &err), err);
  CHECK_OK(rredis_client_set_callback(client, "GET", 3, refuse, malloc(40), freed, &err), err);
  return client;
}

static void failures_of_a_client(void) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_client *client = with_callback(check_options_tcp());
  CHECK(rredis_client_command(client, ARGS("GET", "c:leaks"), &reply, &err) == RREDIS_ERR_CALLBACK);
  CHECK(rredis_client_command(client, ARGS("ECHO", "c:leaks"), &reply, &err) == RREDIS_ERR_CALLBACK);
  CHECK(rredis_client_command(client, ARGS("NOSUCHCOMMAND"), &reply, &err) == RREDIS_ERR_SERVER);
  CHECK(rredis_client_command(client, ARGS("SELECT", "0"), &reply, &err) == RREDIS_ERR_ARGUMENT);
  CHECK(rredis_client_command_with(client, ARGS("BLPOP", "c:leaks:never", "0"), RREDIS_CALL_TIMEOUT, 1, NULL, &reply, &err) == RREDIS_ERR_TIMEOUT);
  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  for (int i = 0; i < 10; i++) CHECK_OK(rredis_conn_send(conn, ARGS("ECHO", "never read"), &err), err);
  rredis_conn_free(conn);
  rredis_client_free(client);

  rredis_options *nowhere = rredis_options_new();
  CHECK_OK(rredis_options_set_str(nowhere, RREDIS_OPTION_UNIX_PATH, "/nonexistent/s", 14, &err), err);
  client = with_callback(nowhere);
  CHECK(rredis_client_command(client, ARGS("PING"), &reply, &err) == RREDIS_ERR_CONNECT);
  rredis_client_free(client);
}

static void failures_without_a_server(void) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_options *options = rredis_options_new();
  CHECK(rredis_options_set_url(options, "redis://u:p@h:1/0?nonsense=1", 28, &err) == RREDIS_ERR_CONFIG);
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_PASSWORD, "one", 3, &err), err);
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_PASSWORD, "another", 7, &err), err);

  rredis_parser *parser = NULL;
  CHECK_OK(rredis_parser_new(options, &parser, &err), err);
  rredis_options_free(options);
  CHECK_OK(rredis_parser_feed(parser, "*2\r\n$3\r\nfoo\r\n*2\r\n:1", 19, &err), err);   // freed in the middle of a reply
  CHECK(rredis_parser_next(parser, &reply, &err) == RREDIS_ERR_AGAIN);
  rredis_parser_free(parser);

  rredis_builder *builder = rredis_builder_new();
  rredis_builder_open(builder, RREDIS_REPLY_MAP);
  rredis_builder_add_text(builder, RREDIS_REPLY_STRING, "kept?", 5);
  CHECK(rredis_builder_take(builder, &reply, &err) != RREDIS_OK);
  rredis_builder_open(builder, RREDIS_REPLY_MAP);
  rredis_builder_free(builder);
}

static size_t in_use(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  size_t early = 0;
  for (int i = 0; i < ROUNDS; i++) {
    if (i == EARLY) early = in_use();   // the first rounds make what stays
    failures_of_a_client();
    failures_without_a_server();
  }
  CHECK(in_use() < early + (ROUNDS - EARLY) * 16);
  return 0;
}

// A thread with a stack of 64 KiB, as fibers and small threads have, can use all of the library.
#include "check.h"

static void deep(void) {
  // As deep as a reply may be: parsed, copied and freed without recursion.
  rredis_error err;
  rredis_parser *parser = NULL;
  CHECK_OK(rredis_parser_new(NULL, &parser, &err), err);
  for (int i = 0; i < 511; i++) CHECK_OK(rredis_parser_feed(parser, "*1\r\n", 4, &err), err);
  CHECK_OK(rredis_parser_feed(parser, ":1\r\n", 4, &err), err);
  rredis_reply *reply = NULL, *copy = NULL;
  CHECK_OK(rredis_parser_next(parser, &reply, &err), err);
  CHECK_OK(rredis_reply_clone(reply, &copy, &err), err);
  rredis_reply_free(reply);
  const rredis_reply *node = copy;
  while (node->kind == RREDIS_REPLY_ARRAY) node = node->elements;
  CHECK(check_is_integer(node, 1));
  rredis_reply_free(copy);
  rredis_parser_free(parser);
}

static rredis_status answer(void *user_data, void *call_data, size_t argc, const char *const *argv, const size_t *argv_len,
    const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(user_data); UNUSED(call_data); UNUSED(argc); UNUSED(argv); UNUSED(argv_len); UNUSED(reply);
  rredis_builder *builder = rredis_builder_new();
  rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
  rredis_builder_add_number(builder, 1.5, NULL, 0);
  rredis_builder_end(builder);
  rredis_status status = rredis_builder_take(builder, out_reply, err);
  rredis_builder_free(builder);
  return status;
}

static void commands(rredis_options *options) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_client *client = check_client(options);
  check_do(client, ARGS("SET", "c:stack", "value"));
  check_value(client, "c:stack", "value", 5);
  CHECK(rredis_client_command(client, ARGS("INCR", "c:stack"), &reply, &err) == RREDIS_ERR_SERVER);
  CHECK(rredis_client_command(client, ARGS("SELECT", "1"), &reply, &err) == RREDIS_ERR_ARGUMENT);
  CHECK_OK(rredis_client_set_callback(client, "GET", 3, answer, NULL, NULL, &err), err);
  CHECK_OK(rredis_client_command(client, ARGS("GET", "c:stack"), &reply, &err), err);
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->elements[0].number == 1.5);
  rredis_reply_free(reply);
  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  CHECK_OK(rredis_conn_command(conn, ARGS("SUBSCRIBE", "c:stack"), &reply, &err), err);
  rredis_reply_free(reply);
  CHECK_OK(rredis_conn_receive(conn, 5000, &reply, &err), err);
  rredis_reply_free(reply);
  rredis_conn_free(conn);
  rredis_client_free(client);
}

static void *all_of_it(void *nothing) {
  UNUSED(nothing);
  rredis_error err;
  commands(check_options_tcp());
  commands(check_options_unix());
  rredis_options *nobody = rredis_options_new(), *named = check_options_tcp();
  CHECK_OK(rredis_options_set_url(nobody, "unix:///nonexistent", 19, &err), err);
  rredis_client *client = check_client(nobody);
  rredis_reply *reply = NULL;
  CHECK(rredis_client_command(client, ARGS("PING"), &reply, &err) == RREDIS_ERR_CONNECT);
  rredis_client_free(client);
  CHECK_OK(rredis_options_set_str(named, RREDIS_OPTION_HOST, "localhost", 9, &err), err);   // a name to be looked up
  commands(named);
  deep();
  return NULL;
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  pthread_attr_t attributes;
  pthread_t thread;
  CHECK(pthread_attr_init(&attributes) == 0);
  CHECK(pthread_attr_setstacksize(&attributes, 64 << 10) == 0);
  CHECK(pthread_create(&thread, &attributes, all_of_it, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  return 0;
}

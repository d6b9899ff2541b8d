// Every shape that RESP2 has, from a real server, through a parser of the program's own.
#ifndef SHAPES_H
#define SHAPES_H
#include "check.h"

static inline void resp2_shapes(const rredis_client *client) {
  rredis_error err;
  check_do(client, ARGS("DEL", "c:shapes:n", "c:shapes:list", "c:shapes:hash"));

  rredis_reply *reply = check_ask(client, ARGS("SET", "c:shapes:s", "value"));
  CHECK(check_is(reply, RREDIS_REPLY_STATUS, "OK"));
  rredis_reply_free(reply);
  check_value(client, "c:shapes:s", "value", 5);
  reply = check_ask(client, ARGS("INCRBY", "c:shapes:n", "-9223372036854775808"));
  CHECK(check_is_integer(reply, INT64_MIN));
  rredis_reply_free(reply);
  reply = check_ask(client, ARGS("GET", "c:shapes:absent"));
  CHECK(reply->kind == RREDIS_REPLY_NULL);
  rredis_reply_free(reply);
  reply = check_ask(client, ARGS("BLPOP", "c:shapes:absent", "0.01"));   // the null array
  CHECK(reply->kind == RREDIS_REPLY_NULL);
  rredis_reply_free(reply);
  reply = check_ask(client, ARGS("LRANGE", "c:shapes:absent", "0", "-1"));
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 0);
  rredis_reply_free(reply);
  check_do(client, ARGS("SET", "c:shapes:empty", ""));
  check_value(client, "c:shapes:empty", "", 0);

  const char *script = "return {1, 'two', {3, {'four', {}}}, false, {ok='FINE'}, {err='ERR inside'}}";
  reply = check_ask(client, ARGS("EVAL", script, "0"));
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 6);
  CHECK(check_is_integer(&reply->elements[0], 1));
  CHECK(check_is(&reply->elements[1], RREDIS_REPLY_STRING, "two"));
  const rredis_reply *inner = &reply->elements[2];
  CHECK(inner->len == 2 && check_is(&inner->elements[1].elements[0], RREDIS_REPLY_STRING, "four"));
  CHECK(inner->elements[1].elements[1].kind == RREDIS_REPLY_ARRAY && inner->elements[1].elements[1].len == 0);
  CHECK(reply->elements[3].kind == RREDIS_REPLY_NULL);
  CHECK(check_is(&reply->elements[4], RREDIS_REPLY_STATUS, "FINE"));
  CHECK(reply->elements[5].kind == RREDIS_REPLY_ERROR && strstr(reply->elements[5].str, "inside"));
  rredis_reply_free(reply);

  reply = NULL;
  CHECK_FAILS(rredis_client_command(client, ARGS("LPUSH", "c:shapes:s", "x"), &reply, &err), err, RREDIS_ERR_SERVER, RREDIS_OUTCOME_REFUSED);
  CHECK(strncmp(err.message, "WRONGTYPE ", 10) == 0 && reply == NULL);

  for (int i = 0; i < 500; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    check_do(client, ARGS("RPUSH", "c:shapes:list", number));
  }
  reply = check_ask(client, ARGS("LRANGE", "c:shapes:list", "0", "-1"));
  CHECK(reply->len == 500 && check_is(&reply->elements[499], RREDIS_REPLY_STRING, "499"));
  rredis_reply_free(reply);

  size_t len = 1000000;
  char *bytes = check_bytes(len);
  const char *argv[] = {"SET", "c:shapes:big", bytes};
  const size_t argv_len[] = {3, 12, len};
  check_do(client, 3, argv, argv_len);
  check_value(client, "c:shapes:big", bytes, len);
  free(bytes);

  // Subscribed in RESP2, answers look like any array; a connection of one's own gives them as the pushes they are.
  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  CHECK_OK(rredis_conn_command(conn, ARGS("SUBSCRIBE", "c:shapes:channel"), &reply, &err), err);
  CHECK(reply->kind == RREDIS_REPLY_NULL);   // none was due
  rredis_reply_free(reply);
  CHECK_OK(rredis_conn_receive(conn, 5000, &reply, &err), err);
  CHECK(reply->kind == RREDIS_REPLY_PUSH && reply->len == 3);
  rredis_reply_free(reply);
  rredis_conn_free(conn);

  for (int i = 0; i < 100; i++) {   // several whole replies in one read, cut anywhere
    check_do(client, ARGS("PING"));
  }
}

static inline rredis_client *client_with_parser(rredis_options *options, const rredis_parser_type *type) {
  rredis_error err;
  CHECK_OK(rredis_options_set_parser(options, type, &err), err);
  check_set_int(options, RREDIS_OPTION_PROTOCOL, 2);
  rredis_client *client = check_client(options);
  CHECK(strcmp(rredis_client_parser(client), type->name) == 0);
  return client;
}
#endif

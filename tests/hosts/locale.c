// In a locale that writes 1,5 a number is still read and written as RESP has it.
#include "check.h"

#include <locale.h>

int main(int argc, char **argv) {
  check_begin(argc, argv);
  CHECK(setlocale(LC_ALL, "de_DE.UTF-8") != NULL);
  CHECK(strcmp(localeconv()->decimal_point, ",") == 0);

  rredis_error err;
  double number = 0;
  rredis_reply *reply = check_parse("*3\r\n,1.5\r\n$4\r\n2.25\r\n$3\r\n1,5\r\n");
  CHECK(reply->elements[0].number == 1.5);
  CHECK_OK(rredis_reply_number(&reply->elements[1], &number, &err), err);
  CHECK(number == 2.25);
  CHECK(rredis_reply_number(&reply->elements[2], &number, &err) != RREDIS_OK);
  rredis_reply_free(reply);

  rredis_builder *builder = rredis_builder_new();
  rredis_builder_add_number(builder, 0.1, NULL, 0);
  CHECK_OK(rredis_builder_take(builder, &reply, &err), err);
  CHECK(check_is(reply, RREDIS_REPLY_DOUBLE, "0.1"));
  rredis_reply_free(reply);
  rredis_builder_free(builder);

  rredis_client *client = check_client(check_options_tcp());
  check_do(client, ARGS("DEL", "c:locale"));
  check_do(client, ARGS("ZADD", "c:locale", "1.5", "m"));
  reply = check_ask(client, ARGS("ZSCORE", "c:locale", "m"));
  CHECK_OK(rredis_reply_number(reply, &number, &err), err);
  CHECK(number == 1.5);
  rredis_reply_free(reply);
  rredis_client_free(client);

  // And the locale is as the program set it.
  CHECK(strcmp(setlocale(LC_ALL, NULL), "de_DE.UTF-8") == 0);
  return 0;
}

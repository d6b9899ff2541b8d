// A command as bytes of the wire: the length first, then the bytes, and what is refused.
#include "check.h"

static void whole(void) {
  rredis_error err;
  const char *argv[] = {"SET", "k\0y", ""};
  const size_t argv_len[] = {3, 3, 0};
  const char want[] = "*3\r\n$3\r\nSET\r\n$3\r\nk\0y\r\n$0\r\n\r\n";
  size_t need = 0, len = 0;
  CHECK_OK(rredis_command_encode(3, argv, argv_len, NULL, 0, &need, &err), err);
  CHECK(need == sizeof want - 1);

  char buffer[64];
  memset(buffer, 'x', sizeof buffer);
  CHECK_OK(rredis_command_encode(3, argv, argv_len, buffer, need, &len, &err), err);
  CHECK(len == need && memcmp(buffer, want, need) == 0);
  CHECK(buffer[need] == 'x');   // not a byte more than asked

  CHECK_OK(rredis_command_encode(ARGS("PING"), buffer, sizeof buffer, &len, &err), err);
  CHECK(len == 14 && memcmp(buffer, "*1\r\n$4\r\nPING\r\n", 14) == 0);
}

static void refused(void) {
  rredis_error err;
  char buffer[64];
  size_t len = 4711;
  memset(buffer, 'x', sizeof buffer);
  CHECK_FAILS(rredis_command_encode(ARGS("PING"), buffer, 13, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_SAYS(err, "14");
  CHECK(len == 4711 && buffer[13] == 'x');

  const char *none[] = {"PING", NULL};
  const size_t one_and_four[] = {4, 1};
  CHECK_FAILS(rredis_command_encode(0, none, NULL, buffer, 64, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_command_encode(2, none, NULL, buffer, 64, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_command_encode(2, none, one_and_four, buffer, 64, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_command_encode(1, NULL, NULL, buffer, 64, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_command_encode(ARGS("PING"), buffer, 64, NULL, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_command_encode(ARGS("PING"), NULL, 64, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK(len == 4711);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  whole();
  refused();
  return 0;
}

// A command as bytes of the wire: the length first, then the bytes, and what is refused. Then what is known of it before it
// is sent: its keys, their slots, its flags.
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

static void keys(void) {
  rredis_error err;
  size_t indexes[4] = {99, 99, 99, 99};
  uint32_t access[4] = {99, 99, 99, 99};
  size_t len = 4711;
  CHECK_OK(rredis_command_keys(ARGS("GET", "a"), NULL, NULL, 0, &len, &err), err);
  CHECK(len == 1);
  CHECK_OK(rredis_command_keys(ARGS("zunionstore", "d", "2", "a", "b", "WEIGHTS", "1", "2"), indexes, access, 4, &len, &err), err);
  CHECK(len == 3 && indexes[0] == 1 && indexes[1] == 3 && indexes[2] == 4 && indexes[3] == 99);
  CHECK(access[0] == (RREDIS_KEY_OW | RREDIS_KEY_UPDATE) && access[1] == (RREDIS_KEY_RO | RREDIS_KEY_ACCESS));
  CHECK(access[2] == access[1] && access[3] == 99);
  CHECK_OK(rredis_command_keys(ARGS("XREAD", "COUNT", "1", "STREAMS", "s", "t", "0", "0"), indexes, NULL, 2, &len, &err), err);
  CHECK(len == 2 && indexes[0] == 4 && indexes[1] == 5);
  CHECK_OK(rredis_command_keys(ARGS("MEMORY", "USAGE", "k"), indexes, NULL, 1, &len, &err), err);
  CHECK(len == 1 && indexes[0] == 2);
  CHECK_OK(rredis_command_keys(ARGS("PING"), indexes, NULL, 1, &len, &err), err);
  CHECK(len == 0);

  len = 4711;
  CHECK_FAILS(rredis_command_keys(ARGS("MGET", "a", "b", "c"), indexes, NULL, 2, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_SAYS(err, "3 keys");
  CHECK_FAILS(rredis_command_keys(ARGS("GET"), indexes, NULL, 4, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_command_keys(ARGS("LMPOP", "9", "a", "LEFT"), indexes, NULL, 4, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_command_keys(ARGS("NOSUCH", "a"), indexes, NULL, 4, &len, &err), err, RREDIS_ERR_UNSUPPORTED, RREDIS_OUTCOME_NONE);
  CHECK_SAYS(err, "NOSUCH");
  CHECK_FAILS(rredis_command_keys(ARGS("CLIENT", "NOSUCH"), indexes, NULL, 4, &len, &err), err, RREDIS_ERR_UNSUPPORTED, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_command_keys(ARGS("GET", "a"), NULL, NULL, 4, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_command_keys(ARGS("GET", "a"), indexes, NULL, 4, NULL, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK(len == 4711);
}

static void slots(void) {
  CHECK(rredis_command_slot("foo", 3) == 12182);
  CHECK(rredis_command_slot("{user1000}.following", 20) == rredis_command_slot("user1000", 8));
  CHECK(rredis_command_slot("a{}b", 4) != rredis_command_slot("", 0));
  CHECK(rredis_command_slot("", 0) == 0);
  CHECK(rredis_command_slot(NULL, 3) == -1);
}

static void flags(void) {
  rredis_error err;
  uint32_t flags = 0;
  CHECK_OK(rredis_command_flags(ARGS("get"), &flags, &err), err);
  CHECK((flags & RREDIS_COMMAND_READONLY) && (flags & RREDIS_COMMAND_FAST) && (flags & RREDIS_COMMAND_REPEATABLE));
  CHECK(!(flags & RREDIS_COMMAND_WRITE) && !(flags & RREDIS_COMMAND_STATEFUL));
  CHECK_OK(rredis_command_flags(ARGS("CLIENT", "SETNAME", "x"), &flags, &err), err);
  CHECK((flags & RREDIS_COMMAND_STATEFUL) && !(flags & RREDIS_COMMAND_REPEATABLE));
  CHECK_OK(rredis_command_flags(ARGS("CLIENT"), &flags, &err), err);
  CHECK(flags & RREDIS_COMMAND_CONTAINER);
  CHECK_OK(rredis_command_flags(ARGS("XREAD", "STREAMS", "s", "0"), &flags, &err), err);
  CHECK((flags & RREDIS_COMMAND_BLOCKING) && !(flags & RREDIS_COMMAND_WAITS));
  CHECK_OK(rredis_command_flags(ARGS("XREAD", "BLOCK", "10", "STREAMS", "s", "0"), &flags, &err), err);
  CHECK(flags & RREDIS_COMMAND_WAITS);
  CHECK_OK(rredis_command_flags(ARGS("INCR", "n"), &flags, &err), err);
  CHECK((flags & RREDIS_COMMAND_WRITE) && !(flags & (RREDIS_COMMAND_REPEATABLE | RREDIS_COMMAND_IDEMPOTENT)));

  flags = 4711;
  CHECK_FAILS(rredis_command_flags(ARGS("NOSUCH"), &flags, &err), err, RREDIS_ERR_UNSUPPORTED, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_command_flags(ARGS("GET"), NULL, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK(flags == 4711);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  whole();
  refused();
  keys();
  slots();
  flags();
  return 0;
}

// Programs that are wrong, each in one way: a sanitizer that does not say so is not at work. Not part of the tests' runs.
#include "check.h"

#include <sched.h>

// Reads what was freed: on the library's side, for the integer is read there.
static void used_after_free(void) {
  int64_t value;
  rredis_reply *reply = check_parse(":12\r\n");
  rredis_reply_free(reply);
  (void)rredis_reply_integer(reply, &value, NULL);
}

// Forgets what is its own: the library allocated it.
static void leaked(void) {
  for (int i = 0; i < 60; i++) CHECK(check_parse("*2\r\n$3\r\nfoo\r\n$3\r\nbar\r\n") != NULL);
}

// Uses from two threads at once what is for one. They take turns also where one processor has them both: what a thread did
// long ago the sanitizer forgets.
static void *adds(void *builder) {
  for (int i = 0; i < 10000; i++) {
    rredis_builder_add_integer(builder, RREDIS_REPLY_INTEGER, i);
    sched_yield();
  }
  return NULL;
}
static void raced(void) {
  rredis_builder *builder = rredis_builder_new();
  rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
  pthread_t one, two;
  CHECK(pthread_create(&one, NULL, adds, builder) == 0 && pthread_create(&two, NULL, adds, builder) == 0);
  pthread_join(one, NULL);
  pthread_join(two, NULL);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  if (strcmp(argv[1], "used-after-free") == 0) used_after_free();
  else if (strcmp(argv[1], "leaked") == 0) leaked();
  else if (strcmp(argv[1], "raced") == 0) raced();
  else return 2;
  return 0;
}

// Every status and every outcome has a name of its own, and an unknown one has some name too.
#include "check.h"

static const rredis_status statuses[] = {
  RREDIS_OK, RREDIS_ERR_ARGUMENT, RREDIS_ERR_STATE, RREDIS_ERR_AGAIN, RREDIS_ERR_CONFIG, RREDIS_ERR_UNSUPPORTED,
  RREDIS_ERR_CONNECT, RREDIS_ERR_IO, RREDIS_ERR_TIMEOUT, RREDIS_ERR_BUSY, RREDIS_ERR_WOKEN, RREDIS_ERR_FORKED,
  RREDIS_ERR_TLS, RREDIS_ERR_PROTOCOL, RREDIS_ERR_LIMIT, RREDIS_ERR_AUTH, RREDIS_ERR_SERVER, RREDIS_ERR_WATCH,
  RREDIS_ERR_ABORTED, RREDIS_ERR_CALLBACK, RREDIS_ERR_PANIC, RREDIS_ERR_MEMORY,
};
static const rredis_outcome outcomes[] = {
  RREDIS_OUTCOME_NONE, RREDIS_OUTCOME_NOT_SENT, RREDIS_OUTCOME_REFUSED, RREDIS_OUTCOME_UNKNOWN, RREDIS_OUTCOME_RAN,
};

static void names_differ(const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    CHECK(names[i] != NULL && names[i][0] != 0);
    for (size_t j = 0; j < i; j++) CHECK(strcmp(names[i], names[j]) != 0);
  }
}

int main(int argc, char **argv) {
  check_begin(argc, argv);

  const char *names[sizeof statuses / sizeof *statuses];
  size_t count = sizeof statuses / sizeof *statuses;
  for (size_t i = 0; i < count; i++) names[i] = rredis_status_name(statuses[i]);
  names_differ(names, count);
  CHECK(rredis_status_name((rredis_status)12345) != NULL);
  CHECK(rredis_status_name((rredis_status)-1) != NULL);

  count = sizeof outcomes / sizeof *outcomes;
  for (size_t i = 0; i < count; i++) names[i] = rredis_status_outcome_name(outcomes[i]);
  names_differ(names, count);
  CHECK(rredis_status_outcome_name((rredis_outcome)77) != NULL);

  CHECK(sizeof(rredis_error) == 256);
  CHECK(sizeof(void *) != 8 || sizeof(rredis_reply) == 48);

  // A failure without an err is a failure all the same, and one with an err writes one line.
  CHECK(rredis_client_new(NULL, NULL, NULL) == RREDIS_ERR_ARGUMENT);
  rredis_error err;
  memset(&err, 'x', sizeof err);
  CHECK_FAILS(rredis_client_new(NULL, NULL, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK(memchr(err.message, 0, sizeof err.message) != NULL);
  CHECK(strchr(err.message, '\n') == NULL);
  CHECK_SAYS(err, "out_client");
  CHECK(err.os_error == 0);

  // Success leaves err alone.
  memset(&err, 'x', sizeof err);
  rredis_error before = err;
  rredis_client *client = NULL;
  CHECK(rredis_client_new(NULL, &client, &err) == RREDIS_OK);
  CHECK(memcmp(&before, &err, sizeof err) == 0);
  rredis_client_free(client);
  return 0;
}

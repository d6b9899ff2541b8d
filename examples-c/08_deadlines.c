// 08. Deadlines.
//
// Every call has a time to end: the option's, or one of its own. A command that waits on
// the server has the time that it says. When the time is up the status is TIMEOUT.
//
// New here: RREDIS_OPTION_COMMAND_TIMEOUT_MS, RREDIS_CALL_TIMEOUT, rredis_client_command_with
// Run it:   make examples && ./target/examples/08_deadlines

#include <rredis.h>
#include <stdio.h>

static void attempt(const rredis_client *client, size_t argc, const char **argv, uint32_t flags,
                    int64_t timeout_ms) {
  rredis_error err;
  rredis_reply *reply;
  // timeout_ms counts where RREDIS_CALL_TIMEOUT is among the flags.
  if (rredis_client_command_with(client, argc, argv, NULL, flags, timeout_ms, NULL, &reply,
                                 &err) == RREDIS_OK) {
    printf("%s: %s\n", argv[0], reply->str != NULL ? reply->str : "nothing came");
    rredis_reply_free(reply);
  } else {
    printf("%s: %s, %s\n  %s\n", argv[0], rredis_status_name(err.status),
           rredis_status_outcome_name(err.outcome), err.message);
  }
}

int main(void) {
  rredis_options *options = rredis_options_new();
  rredis_client *client;
  if (rredis_options_set_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, 1000, NULL) != RREDIS_OK ||
      rredis_client_new(options, &client, NULL) != RREDIS_OK) return 1;
  rredis_options_free(options);

  // The server answers nobody for two seconds, and a call has one. That one was sent: it may run.
  const char *pause[] = {"CLIENT", "PAUSE", "2000"}, *set[] = {"SET", "page08", "a text"};
  attempt(client, 3, pause, RREDIS_CALL_DEFAULT, 0);
  attempt(client, 3, set, RREDIS_CALL_DEFAULT, 0);

  // With more time than the others, this outlasts the pause. 0 would not wait, -1 wait for ever.
  attempt(client, 3, set, RREDIS_CALL_TIMEOUT, 20000);

  // It says itself how long it waits: the option, which is shorter, does not end it,
  const char *pop[] = {"BLPOP", "page08-list", "1.5"}, *forever[] = {"BLPOP", "page08-list", "0"};
  attempt(client, 3, pop, RREDIS_CALL_DEFAULT, 0);
  // and would never end this one. A time of the call's own does.
  attempt(client, 3, forever, RREDIS_CALL_TIMEOUT, 300);

  rredis_client_free(client);
  return 0;
}

// Prints:
// CLIENT: OK
// SET: TIMEOUT, UNKNOWN
//   127.0.0.1:6379: read: no whole reply to SET within 1000 ms
// SET: OK
// BLPOP: nothing came
// BLPOP: TIMEOUT, UNKNOWN
//   127.0.0.1:6379: read: no whole reply to BLPOP within 300 ms

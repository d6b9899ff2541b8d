// 10. When it breaks.
//
// Servers go away and come back. What surely did not run is tried again, and so is what only
// reads. What may have run is not: whether to try again is yours to say.
//
// New here: RREDIS_OPTION_RETRY_MAX, _BACKOFF_MS, RREDIS_CALL_NO_RETRY, err.attempts
// Run it:   ./target/examples/10_when_it_breaks 'how to stop the server' 'how to start it'

#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void attempt(const rredis_client *client, size_t argc, const char **argv, uint32_t flags) {
  rredis_error err;
  rredis_reply *reply;
  if (rredis_client_command_with(client, argc, argv, NULL, flags, 0, NULL, &reply, &err) == RREDIS_OK) {
    printf("%s: fine\n", argv[0]);
    rredis_reply_free(reply);
  } else {
    printf("%s: %s, %s, tried %d\n  %s\n", argv[0], rredis_status_name(err.status),
           rredis_status_outcome_name(err.outcome), (int)err.attempts, err.message);
  }
}

static void soon(const char *command) {  // while a call waits
  char line[1024];
  snprintf(line, sizeof line, "(sleep 0.5; %s) &", command);
  if (system(line) != 0) exit(1);
}

int main(int argc, char **argv) {
  const char url[] = "redis://127.0.0.1?command_timeout=30&retry_max=100&backoff=200ms&backoff_max=200ms";
  rredis_options *options = rredis_options_new();
  rredis_client *client;
  if (argc != 3 || rredis_options_set_url(options, url, sizeof url - 1, NULL) != RREDIS_OK ||
      rredis_client_new(options, &client, NULL) != RREDIS_OK) return 1;
  rredis_options_free(options);
  const char *incr[] = {"INCR", "page10"}, *pop[] = {"BLPOP", "page10-list", "0"};

  // The server dies while this waits there: it may have popped something for us.
  soon(argv[1]);
  attempt(client, 3, pop, RREDIS_CALL_DEFAULT);
  sleep(1);  // until all of it is gone
  // Nobody is there, so it did not run, and the library would go on trying: but for the flag.
  attempt(client, 2, incr, RREDIS_CALL_NO_RETRY);

  // Without it, it is tried until the server is back.
  soon(argv[2]);
  attempt(client, 2, incr, RREDIS_CALL_DEFAULT);
  rredis_client_free(client);
  return 0;
}

// Prints:
// BLPOP: IO, UNKNOWN, tried 1
//   127.0.0.1:6379: read: the server closed the connection
// INCR: CONNECT, NOT_SENT, tried 1
//   127.0.0.1:6379: connect: Connection refused
// INCR: fine

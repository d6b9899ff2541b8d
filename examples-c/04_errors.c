// 04. What can go wrong.
//
// A call is RREDIS_OK, or says in err what happened (status), what became of the command
// (outcome), and one line for whoever reads the log (message). Here are three calls that fail.
//
// New here: rredis_error, rredis_outcome, rredis_status_outcome_name
// Run it:   make examples && ./target/examples/04_errors

#include <rredis.h>
#include <stdio.h>

static void attempt(const rredis_client *client, size_t argc, const char **argv) {
  rredis_error err;
  rredis_reply *reply;
  if (rredis_client_command(client, argc, argv, NULL, &reply, &err) == RREDIS_OK) {
    printf("%s: fine\n", argv[0]);
    rredis_reply_free(reply);
    return;
  }
  // A failed call gives no reply: there is nothing to free.
  printf("%s: %s, %s\n  %s\n", argv[0], rredis_status_name(err.status),
         rredis_status_outcome_name(err.outcome), err.message);
}

int main(void) {
  rredis_client *client, *nobody;
  if (rredis_client_new(NULL, &client, NULL) != RREDIS_OK) return 1;

  const char *set[] = {"SET", "page04", "a text"};
  const char *push[] = {"LPUSH", "page04", "to a list?"};
  const char *select[] = {"SELECT", "1"};
  attempt(client, 3, set);
  attempt(client, 3, push);    // the server says no: SERVER, with its own words
  attempt(client, 2, select);  // the library says no: a client has many connections

  // Nobody listens here. Making the client connects to nothing, so only the command fails.
  rredis_options *options = rredis_options_new();
  if (rredis_options_set_int(options, RREDIS_OPTION_PORT, 1, NULL) != RREDIS_OK ||
      rredis_client_new(options, &nobody, NULL) != RREDIS_OK) return 1;
  attempt(nobody, 3, set);  // NOT_SENT: it surely did not run, so it is safe to try again

  rredis_client_free(nobody);
  rredis_options_free(options);
  rredis_client_free(client);
  return 0;
}

// Prints:
// SET: fine
// LPUSH: SERVER, REFUSED
//   WRONGTYPE Operation against a key holding the wrong kind of value
// SELECT: ARGUMENT, NOT_SENT
//   SELECT changes the connection it runs on, and a client shares its connections: use the option database, or an rredis_conn
// SET: CONNECT, NOT_SENT
//   127.0.0.1:1: connect: Connection refused

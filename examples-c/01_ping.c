// 01. Say hello.
//
// Makes a client, sends it one command, and reads the reply. This is the whole shape of
// every program that follows: make, command, read, free.
//
// New here: RREDIS_TEXTS, rredis_client_new, rredis_client_command, rredis_reply_free,
//           rredis_client_free, rredis_status_name
// Run it:   make examples && ./target/examples/01_ping

#include <rredis.h>
#include <stdio.h>

int main(void) {
  rredis_error err;

  // NULL options: the server at 127.0.0.1:6379. Nothing is connected until the first command.
  rredis_client *client;
  if (rredis_client_new(NULL, &client, &err) != RREDIS_OK) {
    fprintf(stderr, "%s: %s\n", rredis_status_name(err.status), err.message);
    return 1;
  }

  // A command is a row of texts. Main's own arguments are one too: in place of RREDIS_TEXTS(...), a
  // program passes argc - 1, (const char *const *)argv + 1, NULL.
  rredis_reply *reply;
  if (rredis_client_command(client, RREDIS_TEXTS("PING", "hello"), &reply, &err) != RREDIS_OK) {
    fprintf(stderr, "%s: %s\n", rredis_status_name(err.status), err.message);
    rredis_client_free(client);
    return 1;
  }

  // The reply is a plain struct; its text ends in a NUL, so printf may have it.
  printf("%s\n", reply->str);

  rredis_reply_free(reply);
  rredis_client_free(client);
  return 0;
}

// Prints:
// hello

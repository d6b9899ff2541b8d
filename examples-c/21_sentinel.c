// 21. A primary that Sentinels name.
//
// Sentinels watch a primary and its replicas, and let a replica take over. A program gives
// their addresses and the name of the service: the library asks who the primary is, and hears
// when it is another. Nothing else of the program changes. What was sent and not answered
// when the primary went has the outcome UNKNOWN; what was not sent waits for the next one.
//
// New here: redis+sentinel://, rredis_options_on_event
// Run it:   ./target/examples/21_sentinel redis+sentinel://host:26379/service

#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void listen(void *user_data, const rredis_reply *event) {
  (void)user_data;
  if (strcmp(event->elements[0].str, "failover") == 0) printf("another primary\n");
}

int main(int argc, char **argv) {
  rredis_error err;
  rredis_client *client;
  rredis_options *options = rredis_options_new();
  if (rredis_options_set_url(options, argv[1], strlen(argv[1]), &err) != RREDIS_OK ||
      rredis_options_on_event(options, listen, NULL, NULL, &err) != RREDIS_OK ||
      rredis_client_new(options, &client, &err) != RREDIS_OK)
    return fprintf(stderr, "%s\n", err.message), 1;
  rredis_options_free(options);

  for (int i = 1; i <= 3; i++) {
    rredis_reply *reply;
    if (rredis_client_command(client, RREDIS_TEXTS("INCR", "page21:count"), &reply, &err) != RREDIS_OK)
      return fprintf(stderr, "%s\n", err.message), 1;
    printf("%lld\n", (long long)reply->integer);
    rredis_reply_free(reply);
    // Given a command that lets a replica take over, run it once.
    if (i == 2 && argc > 2 && system(argv[2]) != 0) return 1;
  }
  rredis_client_free(client);
}

// Prints:
// 1
// 2
// another primary
// 3

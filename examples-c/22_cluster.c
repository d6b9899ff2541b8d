// 22. A cluster.
//
// A cluster spreads keys over servers by their slots. A program gives the addresses of some
// of them: each command goes to the server that has its keys, also when slots move or a
// replica takes over. Keys of one command must have one slot: what stands in {} decides.
//
// New here: redis+cluster://, {tags}, rredis_client_servers
// Run it:   ./target/examples/22_cluster redis+cluster://host:6379,other:6379

#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rredis_client *client;

static rredis_reply *ask(size_t argc, const char *const *argv) {
  rredis_error err;
  rredis_reply *reply = NULL;
  if (rredis_client_command(client, argc, argv, NULL, &reply, &err) != RREDIS_OK)
    printf("%s, %s\n", rredis_status_name(err.status), rredis_status_outcome_name(err.outcome));
  return reply;
}

int main(int argc, char **argv) {
  rredis_error err;
  rredis_reply *servers;
  rredis_options *options = rredis_options_new();
  if (rredis_options_set_url(options, argv[1], strlen(argv[1]), &err) != RREDIS_OK ||
      rredis_client_new(options, &client, &err) != RREDIS_OK ||
      rredis_client_servers(client, &servers, &err) != RREDIS_OK)
    return fprintf(stderr, "%s\n", err.message), 1;
  rredis_options_free(options);
  printf("%zu servers\n", servers->len);
  rredis_reply_free(servers);

  const char *set[] = {"MSET", "page22:{ann}:age", "41", "page22:{ann}:town", "Ghent"};
  const char *get[] = {"MGET", "page22:{ann}:age", "page22:{ann}:town"};
  const char *both[] = {"DEL", "page22:{ann}:age", "page22:{bob}:age"};
  rredis_reply_free(ask(5, set));
  rredis_reply_free(ask(3, both));  // two slots: refused before a byte leaves
  // Given a command that lets a replica take over, run it.
  if (argc > 2 && system(argv[2]) != 0) return 1;
  rredis_reply *reply = ask(3, get);
  if (reply != NULL) printf("%s, %s\n", reply->elements[0].str, reply->elements[1].str);
  rredis_reply_free(reply);
  rredis_client_free(client);
}

// Prints:
// 6 servers
// ARGUMENT, NOT_SENT
// 41, Ghent

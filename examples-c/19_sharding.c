// 19. Keys over three servers.
//
// The slot of a key is what Redis clusters share their keys by, a sum over its bytes. Each
// server gets a third of the slots; keys that have the same {tag} have the same slot.
//
// New here: rredis_command_slot
// Run it:   make examples && ./target/examples/19_sharding URL URL URL

#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 3, SLOTS = 16384 };
static rredis_client *clients[SERVERS];
static int shard_of(const char *key) { return (int)(rredis_command_slot(key, strlen(key)) * SERVERS / SLOTS); }

static rredis_reply *run(int shard, size_t argc, const char **argv) {
  rredis_error err;
  rredis_reply *reply;
  if (rredis_client_command(clients[shard], argc, argv, NULL, &reply, &err) == RREDIS_OK) return reply;
  fprintf(stderr, "%s: %s\n", rredis_status_name(err.status), err.message);
  exit(1);
}

int main(int argc, char **argv) {
  for (int i = 0; i < SERVERS; i++) {
    rredis_options *options = rredis_options_new();
    const char *url = argc == 1 + SERVERS ? argv[1 + i] : "redis://127.0.0.1:6379";
    if (rredis_options_set_url(options, url, strlen(url), NULL) != RREDIS_OK ||
        rredis_client_new(options, &clients[i], NULL) != RREDIS_OK) return 1;
    rredis_options_free(options);
  }
  for (int i = 0; i < 999; i++) {
    char key[20];
    snprintf(key, sizeof key, "page19:%d", i);
    const char *set[] = {"SET", key, "x", "EX", "60"};
    rredis_reply_free(run(shard_of(key), 5, set));
  }
  for (int i = 0; i < SERVERS; i++) {
    rredis_reply *keys = run(i, 1, (const char *[]){"DBSIZE"});
    printf("server %d has %lld keys\n", i, (long long)keys->integer);
    rredis_reply_free(keys);
  }

  // One command may have several keys where they are on one server.
  const char *mset[] = {"MSET", "{ada}name", "Ada", "{ada}age", "36"}, *mget[] = {"MGET", "{ada}age", "{ada}name"};
  rredis_reply_free(run(shard_of("{ada}"), 5, mset));
  rredis_reply *ada = run(shard_of("{ada}"), 3, mget);
  printf("%s is %s\n", ada->elements[1].str, ada->elements[0].str);
  rredis_reply_free(ada);
  for (int i = 0; i < SERVERS; i++) rredis_client_free(clients[i]);
  return 0;
}

// Prints:
// server 0 has 336 keys
// server 1 has 337 keys
// server 2 has 326 keys
// Ada is 36

// 16. A script.
//
// What runs in the server runs as one: nobody sees the middle of it. A script is made once,
// from its text, and sent by its digest; a server that does not know it is sent the text.
//
// New here: rredis_script_new, rredis_script_run, rredis_script_sha, rredis_script_free
// Run it:   make examples && ./target/examples/16_scripts

#include <rredis.h>
#include <stdio.h>
#include <string.h>

// Take from one account and give to another, if there is enough.
static const char TRANSFER[] =
    "local left = redis.call('GET', KEYS[1]) - ARGV[1]\n"
    "if left < 0 then return false end\n"
    "redis.call('SET', KEYS[1], left)\n"
    "return {left, redis.call('INCRBY', KEYS[2], ARGV[1])}\n";

static void transfer(const rredis_script *script, const rredis_client *client, const char *amount) {
  rredis_error err;
  rredis_reply *reply;
  // The keys first, two of them, then the other arguments.
  if (rredis_script_run(script, client, 2, RREDIS_TEXTS("page16:ann", "page16:bob", amount), &reply, &err) != RREDIS_OK) {
    fprintf(stderr, "%s: %s\n", rredis_status_name(err.status), err.message);
    return;
  }
  if (reply->kind == RREDIS_REPLY_NULL) printf("%s not moved: there is too little\n", amount);
  else printf("%s moved: %lld and %lld\n", amount, (long long)reply->elements[0].integer,
              (long long)reply->elements[1].integer);
  rredis_reply_free(reply);
}

int main(void) {
  rredis_error err;
  rredis_client *client;
  rredis_script *script;
  rredis_reply *reply;
  if (rredis_client_new(NULL, &client, &err) != RREDIS_OK ||
      rredis_script_new(TRANSFER, strlen(TRANSFER), &script, &err) != RREDIS_OK) return 1;

  if (rredis_client_command(client, RREDIS_TEXTS("MSET", "page16:ann", "100", "page16:bob", "0"), &reply, &err) == RREDIS_OK)
    rredis_reply_free(reply);

  printf("the server knows it as %.8s...\n", rredis_script_sha(script));
  transfer(script, client, "70");
  transfer(script, client, "70");

  rredis_script_free(script);
  rredis_client_free(client);
  return 0;
}

// Prints:
// the server knows it as 417615cd...
// 70 moved: 30 and 70
// 70 not moved: there is too little

// Hello: a value is set and read.
#include <rredis_args.h>
#include <stdio.h>

int main(void) {
  rredis_client *client;
  rredis_reply *greeting;
  rredis_error err;
  if (rredis_client_new(NULL, &client, &err) != RREDIS_OK) return fprintf(stderr, "%s\n", err.message), 1;

  if (rredis_do(client, NULL, &err, "SET", "greeting", "hello") == RREDIS_OK &&
      rredis_do(client, &greeting, &err, "GET", "greeting") == RREDIS_OK) {
    printf("%s\n", greeting->str);
    rredis_reply_free(greeting);
  } else {
    fprintf(stderr, "%s\n", err.message);
  }
  rredis_client_free(client);
}

// A program with hiredis in it too: each of the two libraries speaks to the server, and sees nothing of the other.

#include <hiredis/hiredis.h>
#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  const char *port = argc == 2 ? strrchr(argv[1], ':') : NULL;
  redisContext *context = port != NULL ? redisConnect("127.0.0.1", atoi(port + 1)) : NULL;
  if (context == NULL || context->err != 0) return 1;
  redisReply *theirs = redisCommand(context, "SET beside %s", rredis_version());
  if (theirs == NULL || theirs->type != REDIS_REPLY_STATUS) return 2;

  rredis_options *options = rredis_options_new();
  rredis_client *client;
  rredis_reply *ours;
  const char *get[] = {"GET", "beside"};
  if (rredis_options_set_url(options, argv[1], strlen(argv[1]), NULL) != RREDIS_OK ||
      rredis_client_new(options, &client, NULL) != RREDIS_OK ||
      rredis_client_command(client, 2, get, NULL, &ours, NULL) != RREDIS_OK) return 3;
  printf("%s\n", ours->str);

  freeReplyObject(theirs);
  redisFree(context);
  rredis_reply_free(ours);
  rredis_client_free(client);
  rredis_options_free(options);
  return 0;
}

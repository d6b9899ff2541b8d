// Makes a client for the URL it is given, and prints what PING says: the library's version.

#include <rredis.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  rredis_options *options = rredis_options_new();
  rredis_client *client;
  rredis_reply *reply;
  const char *ping[] = {"PING", rredis_version()};
  if (argc != 2 || rredis_options_set_url(options, argv[1], strlen(argv[1]), NULL) != RREDIS_OK ||
      rredis_client_new(options, &client, NULL) != RREDIS_OK ||
      rredis_client_command(client, 2, ping, NULL, &reply, NULL) != RREDIS_OK) return 1;
  printf("%s\n", reply->str);
  rredis_reply_free(reply);
  rredis_client_free(client);
  rredis_options_free(options);
  return 0;
}

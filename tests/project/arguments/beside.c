// The second file of a program that uses rredis_args.h in two.
#include <rredis_args.h>

rredis_status beside(const rredis_client *client, rredis_reply **out_reply, rredis_error *err, int value);

rredis_status beside(const rredis_client *client, rredis_reply **out_reply, rredis_error *err, int value) {
  return rredis_do(client, out_reply, err, "ECHO", value);
}

// 02. Store any bytes, and get them back.
//
// A value is bytes with a length, so it may hold NULs, line ends, a picture. And a key that
// is not there is something else than a key that holds nothing.
//
// New here: argv_len, reply->len, RREDIS_REPLY_NULL
// Run it:   make examples && ./target/examples/02_strings

#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>

static rredis_client *client;

static rredis_reply *run(size_t argc, const char *const *argv, const size_t *argv_len) {
  rredis_error err;
  rredis_reply *reply;
  if (rredis_client_command(client, argc, argv, argv_len, &reply, &err) == RREDIS_OK)
    return reply;
  fprintf(stderr, "%s: %s\n", rredis_status_name(err.status), err.message);
  exit(1);
}

static void get(const char *key) {
  rredis_reply *reply = run(RREDIS_TEXTS("GET", key));  // no lengths: each argument ends at its NUL
  if (reply->kind == RREDIS_REPLY_NULL) {
    printf("%s is not there\n", key);
  } else {
    printf("%s has %zu bytes:", key, reply->len);
    for (size_t i = 0; i < reply->len; i++) printf(" %02x", (unsigned char)reply->str[i]);
    printf("\n");
  }
  rredis_reply_free(reply);
}

int main(void) {
  if (rredis_client_new(NULL, &client, NULL) != RREDIS_OK) return 1;

  const char *bytes[] = {"SET", "page02:bytes", "\0\r\n\xff"};
  const size_t bytes_len[] = {3, 12, 4};  // with lengths, a NUL is a byte like any other
  rredis_reply_free(run(RREDIS_TEXTS("SET", "page02:text", "bar")));
  rredis_reply_free(run(3, bytes, bytes_len));
  rredis_reply_free(run(RREDIS_TEXTS("SET", "page02:empty", "")));

  get("page02:text"), get("page02:bytes"), get("page02:empty"), get("page02:absent");
  rredis_client_free(client);
  return 0;
}

// Prints:
// page02:text has 3 bytes: 62 61 72
// page02:bytes has 4 bytes: 00 0d 0a ff
// page02:empty has 0 bytes:
// page02:absent is not there

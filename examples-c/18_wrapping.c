// 18. Around the built-in callback.
//
// librredis gives each command's reply one shape, whatever the server speaks: ZRANGE WITHSCORES
// is pairs of a member and a number. A callback of yours stands in the place of that, and may
// call it for what it makes: here, to leave out what scores too little.
//
// New here: rredis_callback_builtin, rredis_builder
// Run it:   make examples && ./target/examples/18_wrapping

#include <rredis.h>
#include <stdio.h>

static const double LEAST = 10;

static rredis_status leave_out(void *user_data, void *call_data, size_t argc, const char *const *argv,
                               const size_t *argv_len, const rredis_reply *reply,
                               rredis_reply **out_reply, rredis_error *err) {
  (void)user_data, (void)call_data;
  // As the server sent it, reply may be a flat list of texts. Of this one that need not be known.
  rredis_reply *pairs;
  rredis_status status = rredis_callback_builtin(argc, argv, argv_len, reply, &pairs, err);
  if (status != RREDIS_OK) return status;

  rredis_builder *kept = rredis_builder_new();
  rredis_builder_open(kept, RREDIS_REPLY_ARRAY);
  for (size_t i = 0; i < pairs->len; i++) {
    const rredis_reply *pair = &pairs->elements[i];
    if (pair->elements[1].number >= LEAST) rredis_builder_add_reply(kept, pair);
  }
  rredis_builder_end(kept);
  status = rredis_builder_take(kept, out_reply, err);
  rredis_builder_free(kept);
  rredis_reply_free(pairs);
  return status;
}

int main(void) {
  rredis_client *client;
  rredis_reply *reply;
  if (rredis_client_new(NULL, &client, NULL) != RREDIS_OK) return 1;
  rredis_client_command(client, RREDIS_TEXTS("ZADD", "page18", "3.5", "tea", "12", "coffee", "27.25", "cocoa"), NULL, NULL);

  if (rredis_client_set_callback(client, "ZRANGE", 6, leave_out, NULL, NULL, NULL) != RREDIS_OK) return 1;
  if (rredis_client_command(client, RREDIS_TEXTS("ZRANGE", "page18", "0", "-1", "WITHSCORES"), &reply, NULL) != RREDIS_OK)
    return 1;
  for (size_t i = 0; i < reply->len; i++) {
    const rredis_reply *pair = &reply->elements[i];
    printf("%s %g\n", pair->elements[0].str, pair->elements[1].number);
  }
  rredis_reply_free(reply);
  rredis_client_free(client);
}

// Prints:
// coffee 12
// cocoa 27.25

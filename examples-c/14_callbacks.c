// 14. A reply becomes a struct of yours.
//
// A response callback is a function that is shown a command's reply before the caller gets
// it. Here it reads HGETALL's map into the struct that the caller passes as call_data.
//
// New here: rredis_client_set_callback, call_data, rredis_reply_find
// Run it:   make examples && ./target/examples/14_callbacks

#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct user { char name[20]; int64_t age; } user;

// What must be there and is not fails this one call, with the text that is written here.
static rredis_status to_user(void *user_data, void *call_data, size_t argc, const char *const *argv,
                             const size_t *argv_len, const rredis_reply *reply,
                             rredis_reply **out_reply, rredis_error *err) {
  (void)user_data, (void)argc, (void)argv_len, (void)out_reply;
  user *out = call_data;
  const rredis_reply *name = rredis_reply_find(reply, "name", 4);
  const rredis_reply *age = rredis_reply_find(reply, "age", 3);
  if (name == NULL || age == NULL) {
    snprintf(err->message, sizeof err->message, "%s is no user", argv[1]);
    return RREDIS_ERR_CALLBACK;
  }
  snprintf(out->name, sizeof out->name, "%s", name->str);
  return rredis_reply_integer(age, &out->age, err);
}

static int load(const rredis_client *client, const char *key, user *out, rredis_error *err) {
  rredis_reply *reply;
  if (rredis_client_command_with(client, RREDIS_TEXTS("HGETALL", key), 0, 0, out, &reply, err) != RREDIS_OK) return 0;
  rredis_reply_free(reply);
  return 1;
}

int main(void) {
  rredis_error err;
  rredis_client *client;
  rredis_reply *reply;
  if (rredis_client_new(NULL, &client, &err) != RREDIS_OK ||
      rredis_client_set_callback(client, "HGETALL", 7, to_user, NULL, NULL, &err) != RREDIS_OK) return 1;
  if (rredis_client_command(client, RREDIS_TEXTS("HSET", "page14", "name", "Ada", "age", "36"), &reply, &err) == RREDIS_OK)
    rredis_reply_free(reply);

  user ada;
  if (load(client, "page14", &ada, &err)) printf("%s, %lld years old\n", ada.name, (long long)ada.age);
  if (!load(client, "page14:nobody", &ada, &err)) printf("%s\n", err.message);
  rredis_client_free(client);
  return 0;
}

// Prints:
// Ada, 36 years old
// page14:nobody is no user

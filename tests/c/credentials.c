// Who we are, asked at each connect: the answer that counts is the last, so that a password may change while a client lives.
#include "check.h"

typedef struct { const char *user, *password; rredis_status status; int asked, freed; char endpoint[200]; } keeper;

static rredis_status who(void *user_data, const char *endpoint, size_t endpoint_len, rredis_builder *credentials,
    rredis_error *err) {
  keeper *k = user_data;
  k->asked++;
  CHECK(endpoint_len < sizeof k->endpoint && endpoint[endpoint_len] == 0);
  memcpy(k->endpoint, endpoint, endpoint_len + 1);
  if (k->status != RREDIS_OK) {
    strcpy(err->message, "the safe is locked");
    return k->status;
  }
  if (k->user) rredis_builder_add_text(credentials, RREDIS_REPLY_STRING, k->user, strlen(k->user));
  else rredis_builder_add_null(credentials);
  if (k->password) rredis_builder_add_text(credentials, RREDIS_REPLY_STRING, k->password, strlen(k->password));
  return RREDIS_OK;
}

static void freed(void *user_data) { ((keeper *)user_data)->freed++; }

// The names of a client are asked for on a new connection: the one of before is no longer wanted.
static rredis_status whoami(rredis_pool *pool, const rredis_client *client, rredis_reply **out_reply, rredis_error *err) {
  rredis_pool_drop_idle(pool);
  return rredis_client_command(client, ARGS("ACL", "WHOAMI"), out_reply, err);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  rredis_error err;
  rredis_client *plain = check_client(check_options_tcp());
  check_do(plain, ARGS("ACL", "SETUSER", "ann", "reset", "on", ">first", "+@all", "~*"));

  keeper k = {"ann", "first", RREDIS_OK, 0, 0, ""};
  rredis_options *options = check_options_tcp();
  CHECK_OK(rredis_options_set_credentials(options, who, &k, freed, &err), err);
  rredis_pool *pool;
  CHECK_OK(rredis_pool_new(options, &pool, &err), err);
  rredis_client *client;
  CHECK_OK(rredis_client_new_on(pool, NULL, &client, &err), err);
  rredis_options_free(options);
  CHECK(k.asked == 0);

  rredis_reply *reply;
  CHECK_OK(whoami(pool, client, &reply, &err), err);
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "ann") && k.asked == 1);
  rredis_reply_free(reply);
  CHECK(strncmp(k.endpoint, "127.0.0.1:", 10) == 0);
  check_do(client, ARGS("PING"));
  CHECK(k.asked == 1);   // not asked again for a connection that is open

  // The password changes: the next connect asks, and says the new one.
  check_do(plain, ARGS("ACL", "SETUSER", "ann", "resetpass", ">second"));
  k.password = "second";
  CHECK_OK(whoami(pool, client, &reply, &err), err);
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "ann") && k.asked == 2);
  rredis_reply_free(reply);

  // Nobody in particular, with the default user's password: this server wants none, and says so or not.
  k.password = "wrong";
  CHECK_FAILS(whoami(pool, client, &reply, &err), err, RREDIS_ERR_AUTH, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "WRONGPASS");
  CHECK(strstr(err.message, "wrong ") == NULL && strstr(err.message, "second") == NULL);

  // The function refuses, or says too little.
  k.status = RREDIS_ERR_STATE;
  CHECK_FAILS(whoami(pool, client, &reply, &err), err, RREDIS_ERR_CALLBACK, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "the safe is locked");
  k.status = RREDIS_OK;
  k.password = NULL;
  CHECK_FAILS(whoami(pool, client, &reply, &err), err, RREDIS_ERR_CALLBACK, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "a password");
  k.password = "second";
  CHECK_OK(whoami(pool, client, &reply, &err), err);
  rredis_reply_free(reply);

  CHECK(k.freed == 0);
  rredis_client_free(client);
  rredis_pool_free(pool);
  CHECK(k.freed == 1);
  check_do(plain, ARGS("ACL", "DELUSER", "ann"));
  rredis_client_free(plain);
  return 0;
}

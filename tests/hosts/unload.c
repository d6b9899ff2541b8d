// A host that loads the library when it needs it, and unloads it when it does not: again and again.
#include "check.h"

#include <dlfcn.h>

typedef rredis_status (*client_new_fn)(const rredis_options *, rredis_client **, rredis_error *);
typedef rredis_status (*command_fn)(const rredis_client *, size_t, const char *const *, const size_t *, rredis_reply **, rredis_error *);
typedef rredis_status (*set_int_fn)(rredis_options *, rredis_option, int64_t, rredis_error *);
typedef rredis_options *(*options_new_fn)(void);
typedef void (*free_fn)(void *);

// ISO C has no way from a data pointer to a function; POSIX says that this one is good.
static void find(void *library, const char *name, void *out_function) {
  void *symbol = dlsym(library, name);
  CHECK(symbol != NULL);
  memcpy(out_function, &symbol, sizeof symbol);
}

static void once(void) {
  void *library = dlopen("librredis.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) check_failed(__FILE__, __LINE__, dlerror(), NULL);
  client_new_fn client_new;
  command_fn command;
  set_int_fn set_int;
  options_new_fn options_new;
  free_fn options_free, client_free, reply_free;
  find(library, "rredis_client_new", &client_new);
  find(library, "rredis_client_command", &command);
  find(library, "rredis_options_set_int", &set_int);
  find(library, "rredis_options_new", &options_new);
  find(library, "rredis_options_free", &options_free);
  find(library, "rredis_client_free", &client_free);
  find(library, "rredis_reply_free", &reply_free);

  rredis_error err;
  rredis_client *client = NULL;
  rredis_reply *reply = NULL;
  rredis_options *options = options_new();
  CHECK_OK(set_int(options, RREDIS_OPTION_PORT, check_port, &err), err);
  CHECK_OK(client_new(options, &client, &err), err);
  options_free(options);
  CHECK_OK(command(client, ARGS("PING"), &reply, &err), err);
  reply_free(reply);
  client_free(client);
  CHECK(dlclose(library) == 0);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  for (int i = 0; i < 20; i++) once();
  return 0;
}

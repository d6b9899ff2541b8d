// 05. Say where, and how.
//
// Every setting is an option with a good default. Set one by its number or text, or many by
// a URL. A client copies them, so they may be changed and used again for the next.
//
// New here: rredis_options_new, _set_url, _set_str, _set_int, _get_int, _to_url, _free
// Run it:   make examples && ./target/examples/05_options

#include <rredis.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  rredis_error err;
  rredis_options *options = rredis_options_new();

  // A later setting wins over an earlier one, and what is not set keeps its default.
  const char *url = "redis://127.0.0.1:6379/3?command_timeout=2s&pool_max=16";
  if (rredis_options_set_url(options, url, strlen(url), &err) != RREDIS_OK ||
      rredis_options_set_str(options, RREDIS_OPTION_CLIENT_NAME, "page05", 6, &err) != RREDIS_OK ||
      rredis_options_set_int(options, RREDIS_OPTION_CONNECT_TIMEOUT_MS, 500, &err) != RREDIS_OK) {
    fprintf(stderr, "%s: %s\n", rredis_status_name(err.status), err.message);
    return 1;
  }

  int64_t limit = 0;
  rredis_options_get_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, &limit, &err);
  printf("a command may take %lld ms\n", (long long)limit);

  // A value out of its bounds is refused when it is set, not when it hurts.
  if (rredis_options_set_int(options, RREDIS_OPTION_PORT, 70000, &err) != RREDIS_OK)
    printf("%s: %s\n", rredis_status_name(err.status), err.message);

  rredis_client *client;
  rredis_reply *reply;
  if (rredis_client_new(options, &client, &err) != RREDIS_OK ||
      rredis_client_command(client, RREDIS_TEXTS("CLIENT", "GETNAME"), &reply, &err) != RREDIS_OK) {
    fprintf(stderr, "%s: %s\n", rredis_status_name(err.status), err.message);
    return 1;
  }
  printf("the server calls us %s\n", reply->str);

  rredis_reply_free(reply);
  rredis_client_free(client);
  rredis_options_free(options);
  return 0;
}

// Prints:
// a command may take 2000 ms
// CONFIG: port: 70000 is not between 1 and 65535
// the server calls us page05

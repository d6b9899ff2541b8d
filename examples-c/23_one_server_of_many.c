// 23. One server of many.
//
// A client of a cluster sends each command where its keys are. For what is about one server,
// such as its memory or a connection of your own, make a client of that server alone: by its
// endpoint, or by a key, which it follows wherever the key's slot moves. It is a client like
// any other, so pipelines, connections and SCAN work on it too.
//
// New here: rredis_client_new_at
// Run it:   ./target/examples/23_one_server_of_many redis+cluster://host:6379,other:6379

#include <rredis.h>
#include <stdio.h>
#include <string.h>

static int fail(const rredis_error *err) { return fprintf(stderr, "%s\n", err->message), 1; }

int main(int argc, char **argv) {
  rredis_error err;
  rredis_client *cluster, *one;
  rredis_reply *servers, *reply;
  rredis_options *options = rredis_options_new();
  if (rredis_options_set_url(options, argv[argc - 1], strlen(argv[argc - 1]), &err) != RREDIS_OK ||
      rredis_client_new(options, &cluster, &err) != RREDIS_OK ||
      rredis_client_servers(cluster, &servers, &err) != RREDIS_OK)
    return fail(&err);
  rredis_options_free(options);

  for (size_t i = 0; i < servers->len; i++) {
    const rredis_reply *endpoint = rredis_reply_find(&servers->elements[i], "endpoint", 8);
    if (rredis_client_new_at(cluster, RREDIS_TARGET_SERVER, endpoint->str, endpoint->len, &one, &err) != RREDIS_OK ||
        rredis_client_command(one, RREDIS_TEXTS("ROLE"), &reply, &err) != RREDIS_OK)
      return fail(&err);
    printf("%s\n", rredis_reply_find(reply, "role", 4)->str);
    rredis_reply_free(reply);
    rredis_client_free(one);
  }
  rredis_reply_free(servers);
  // A connection of one's own, where a key is.
  rredis_conn *conn;
  const char *set[] = {"SET", "page23:key", "here"};
  if (rredis_client_new_at(cluster, RREDIS_TARGET_KEY, set[1], strlen(set[1]), &one, &err) != RREDIS_OK ||
      rredis_conn_new(one, &conn, &err) != RREDIS_OK ||
      rredis_conn_command(conn, 3, set, NULL, &reply, &err) != RREDIS_OK)
    return fail(&err);
  printf("%s\n", reply->str);
  rredis_reply_free(reply);
  rredis_conn_free(conn);
  rredis_client_free(one);
  rredis_client_free(cluster);
}

// Prints:
// master
// slave
// master
// slave
// master
// slave
// OK

// The same key read many times, by each kind of handle, between two calls of getppid that strace can see.
#include "check.h"

#include <sys/syscall.h>

enum { GETS = 200 };

int main(int argc, char **argv) {
  check_begin(argc, argv);
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_client *client = check_client(check_options_tcp());
  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  check_do(client, ARGS("SET", "c:gets", "x"));
  check_do(client, ARGS("GET", "c:gets"));
  CHECK_OK(rredis_conn_command(conn, ARGS("GET", "c:gets"), &reply, &err), err);
  rredis_reply_free(reply);

  syscall(SYS_getppid);
  for (int i = 0; i < GETS; i++) {
    CHECK_OK(rredis_client_command(client, ARGS("GET", "c:gets"), &reply, &err), err);
    rredis_reply_free(reply);
  }
  for (int i = 0; i < GETS; i++) {
    CHECK_OK(rredis_conn_command(conn, ARGS("GET", "c:gets"), &reply, &err), err);
    rredis_reply_free(reply);
  }
  syscall(SYS_getppid);
  rredis_conn_free(conn);
  rredis_client_free(client);
  return 0;
}

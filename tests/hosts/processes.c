// A process, its child, the child's child and so on, all of which use one client and what is older than they are: nobody is
// taken for another. RREDIS_TEST_NAMESPACES: each has the process ID 1, in a namespace of its own; where that is not
// allowed, the program ends with 77. RREDIS_TEST_CLONE: they are made without the C library's fork.
#include "calls.h"

#include <sched.h>
#include <sys/syscall.h>

enum { GENERATIONS = 4, NOT_ALLOWED = 77 };

static rredis_client *client;
static int64_t ids[GENERATIONS];
static rredis_conn *conns[GENERATIONS];
static rredis_pubsub *pubsubs[GENERATIONS];
static rredis_async *asyncs[GENERATIONS];

static int64_t ask_id(void) {
  rredis_reply *reply = check_ask(client, ARGS("CLIENT", "ID"));
  CHECK(reply->kind == RREDIS_REPLY_INTEGER);
  int64_t id = reply->integer;
  rredis_reply_free(reply);
  return id;
}

static void foreign(int generation) {
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK_FAILS(rredis_conn_command(conns[generation], ARGS("PING"), &reply, &err), err, RREDIS_ERR_FORKED, RREDIS_OUTCOME_NOT_SENT);
  CHECK(rredis_pubsub_next(pubsubs[generation], 0, &reply, &err) == RREDIS_ERR_FORKED);
  CHECK(rredis_async_step(asyncs[generation], 1, &err) == RREDIS_ERR_FORKED);
}

static void own(int generation) {
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK(ask_id() == ids[generation]);
  CHECK_OK(rredis_conn_command(conns[generation], ARGS("PING"), &reply, &err), err);
  rredis_reply_free(reply);
  CHECK(rredis_pubsub_next(pubsubs[generation], 0, &reply, &err) == RREDIS_ERR_AGAIN);
  CHECK_OK(rredis_async_step(asyncs[generation], 1, &err), err);
}

static pid_t make_child(void) {
  if (getenv("RREDIS_TEST_NAMESPACES") && unshare(CLONE_NEWPID) != 0) _exit(NOT_ALLOWED);
  pid_t child = getenv("RREDIS_TEST_CLONE") ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
  CHECK(child >= 0);
  return child;
}

static void live(int generation) {
  rredis_error err;
  for (int older = 0; older < generation; older++) foreign(older);
  // A connection of its own is the one that rested in the pool, where there is one; the next command has another.
  CHECK_OK(rredis_conn_new(client, &conns[generation], &err), err);
  ids[generation] = ask_id();
  for (int older = 0; older < generation; older++) CHECK(ids[generation] != ids[older]);
  CHECK_OK(rredis_pubsub_new(client, &pubsubs[generation], &err), err);
  CHECK_OK(rredis_async_new(client, &asyncs[generation], &err), err);
  own(generation);
  for (int older = 0; older < generation; older++) foreign(older);
  if (generation + 1 == GENERATIONS) return;

  pid_t child = make_child();
  if (child == 0) {
    CHECK(!getenv("RREDIS_TEST_NAMESPACES") || getpid() == 1);
    live(generation + 1);
    _exit(0);
  }
  int status = check_waited(child);
  CHECK(WIFEXITED(status));
  if (WEXITSTATUS(status) != 0) _exit(WEXITSTATUS(status));
  own(generation);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  client = check_client(check_options_tcp());
  // The first of those with the process ID 1 is a child itself.
  if (!getenv("RREDIS_TEST_NAMESPACES")) {
    live(0);
    return 0;
  }
  pid_t child = make_child();
  if (child == 0) {
    live(0);
    _exit(0);
  }
  int status = check_waited(child);
  CHECK(WIFEXITED(status));
  return WEXITSTATUS(status);
}

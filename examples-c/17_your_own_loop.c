// 17. Your own loop.
//
// A program that has a loop already gives it one more descriptor, and no timer. Nothing here waits except poll: no
// thread, no callback. Submit, poll, step, then take what came; each reply comes back with what you gave for it.
//
// New here: rredis_async_new, _submit, _fd, _step, _next, _free
// Run it:   make examples && ./target/examples/17_your_own_loop

#include <rredis.h>
#include <poll.h>
#include <stdio.h>

static int failed(const rredis_error *err) {
  fprintf(stderr, "%s: %s\n", rredis_status_name(err->status), err->message);
  return 1;
}

int main(void) {
  rredis_error err;
  rredis_client *client;
  rredis_async *async;
  if (rredis_client_new(NULL, &client, &err) != RREDIS_OK) return failed(&err);
  if (rredis_async_new(client, &async, &err) != RREDIS_OK) return failed(&err);

  // Three at once, over one connection that the first step opens.
  struct { const char *argv[3], *what; } todo[] = {
      {{"SET", "page17", "words"}, "set it"},
      {{"INCRBY", "page17", "1"}, "count it"},
      {{"APPEND", "page17", "!"}, "append"}};
  int due = 0;
  for (; due < 3; due++)
    if (rredis_async_submit(async, 3, todo[due].argv, NULL, RREDIS_CALL_DEFAULT, 0, &todo[due].what, &err) != RREDIS_OK)
      return failed(&err);

  while (due > 0) {
    struct pollfd watched[] = {{rredis_async_fd(async), POLLIN, 0}};  // and your own behind it
    poll(watched, 1, -1);  // it becomes readable when a command's time is up, too
    if (watched[0].revents != 0 && rredis_async_step(async, RREDIS_READY_READ, &err) != RREDIS_OK)
      return failed(&err);

    rredis_reply *reply;
    void *what;
    for (rredis_status status; (status = rredis_async_next(async, &reply, &what, &err)) != RREDIS_ERR_AGAIN; due--) {
      printf("%s: ", *(const char **)what);  // told of a command that failed, too
      if (status != RREDIS_OK) printf("%s\n", err.message);
      else if (reply->kind == RREDIS_REPLY_BOOL) printf("%s\n", reply->integer ? "done" : "not done");
      else printf("%lld\n", (long long)reply->integer);
      if (status == RREDIS_OK) rredis_reply_free(reply);
    }
  }
  rredis_async_free(async);
  rredis_client_free(client);
  return 0;
}

// Prints:
// set it: done
// count it: ERR value is not an integer or out of range
// append: 6

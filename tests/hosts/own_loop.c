// 10 000 GETs that overlap on one poll loop, and this process has one thread before, during and after. What the library
// asks of the system meanwhile is for strace to see.
#include "calls.h"

#include <dirent.h>

enum { MANY = 10000, WINDOW = 1000 };

static int threads(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/task");
  if (folder == NULL) return 1;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

int main(int argc, char **argv) {
  static char seen[MANY];
  rredis_error err;
  check_begin(argc, argv);
  rredis_options *options = check_options_tcp();
  check_set_int(options, RREDIS_OPTION_INFLIGHT_MAX, WINDOW);
  rredis_client *client = check_client(options);
  rredis_async *async = NULL;
  CHECK_OK(rredis_async_new(client, &async, &err), err);
  CHECK(threads() == 1);
  int sent = 0, came = 0;
  while (came < MANY) {
    while (sent < MANY) {
      rredis_status status = rredis_async_submit(async, ARGS("GET", "nothing"), RREDIS_CALL_DEFAULT, 0, &seen[sent], &err);
      if (status == RREDIS_ERR_BUSY) break;   // as many as may be
      CHECK_OK(status, err);
      sent++;
    }
    struct pollfd watched = {rredis_async_fd(async), POLLIN, 0};
    CHECK(check_poll(&watched, 1, -1) == 1);
    CHECK_OK(rredis_async_step(async, RREDIS_READY_READ, &err), err);
    rredis_reply *reply;
    void *call_data;
    rredis_status status;
    while ((status = rredis_async_next(async, &reply, &call_data, &err)) != RREDIS_ERR_AGAIN) {
      CHECK_OK(status, err);
      CHECK(reply->kind == RREDIS_REPLY_NULL && *(char *)call_data == 0);
      *(char *)call_data = 1;
      rredis_reply_free(reply);
      came++;
    }
    if (came % WINDOW == 0) CHECK(threads() == 1);
  }
  CHECK(threads() == 1);
  for (int i = 0; i < MANY; i++) CHECK(seen[i]);
  rredis_async_free(async);
  rredis_client_free(client);
  return 0;
}

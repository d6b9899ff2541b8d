// A guest's manners: whatever the process had set up is as it was after all of the library was used, and no thread and no
// descriptor stays behind.
#include "check.h"

#include <dirent.h>
#include <locale.h>
#include <sys/stat.h>

extern char **environ;

typedef struct {
  struct sigaction actions[65];
  sigset_t mask;
  mode_t umask;
  char locale[256], folder[4096];
  size_t environment;
  struct rlimit files, stack;
  int threads, descriptors;
} house;

static int entries(const char *path) {
  int count = 0;
  DIR *folder = opendir(path);
  CHECK(folder != NULL);
  for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

// A sum over the environment's texts and where they stand.
static size_t environment(void) {
  size_t sum = 0;
  for (char **word = environ; *word; word++) {
    for (const char *byte = *word; *byte; byte++) sum = sum * 31 + (unsigned char)*byte;
    sum += (size_t)*word;
  }
  return sum;
}

static void look(house *h) {
  memset(h, 0, sizeof *h);
  for (int signal = 1; signal < 65; signal++) sigaction(signal, NULL, &h->actions[signal]);
  pthread_sigmask(SIG_SETMASK, NULL, &h->mask);
  h->umask = umask(0);
  umask(h->umask);
  snprintf(h->locale, sizeof h->locale, "%s", setlocale(LC_ALL, NULL));
  CHECK(getcwd(h->folder, sizeof h->folder) != NULL);
  h->environment = environment();
  getrlimit(RLIMIT_NOFILE, &h->files);
  getrlimit(RLIMIT_STACK, &h->stack);
  h->threads = entries("/proc/self/task");
  h->descriptors = entries("/proc/self/fd");
}

static void use(rredis_options *options) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_client *client = check_client(options);
  check_do(client, ARGS("SET", "c:guest", "1"));
  CHECK(entries("/proc/self/task") == 1);   // a connection is nobody's thread
  CHECK(rredis_client_command(client, ARGS("LPUSH", "c:guest", "x"), &reply, &err) == RREDIS_ERR_SERVER);
  CHECK(rredis_client_command_with(client, ARGS("BLPOP", "c:never", "0"), RREDIS_CALL_TIMEOUT, 20, NULL, &reply, &err) == RREDIS_ERR_TIMEOUT);
  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  CHECK_OK(rredis_conn_command(conn, ARGS("SUBSCRIBE", "c:guest"), &reply, &err), err);
  rredis_reply_free(reply);
  rredis_conn_free(conn);
  rredis_client_free(client);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  house before, after;
  look(&before);
  use(check_options_tcp());
  use(check_options_unix());

  // A name is looked up on a thread; it is gone when the name is there, or soon after.
  rredis_error err;
  rredis_options *named = check_options_tcp();
  CHECK_OK(rredis_options_set_str(named, RREDIS_OPTION_HOST, "localhost", 9, &err), err);
  rredis_client *client = check_client(named);
  check_do(client, ARGS("PING"));
  rredis_client_free(client);
  for (int i = 0; i < 500 && entries("/proc/self/task") > 1; i++) check_sleep_ms(10);

  look(&after);
  for (int signal = 1; signal < 65; signal++) {
    CHECK(before.actions[signal].sa_handler == after.actions[signal].sa_handler);
    CHECK(before.actions[signal].sa_flags == after.actions[signal].sa_flags);
  }
  CHECK(memcmp(&before.mask, &after.mask, sizeof before.mask) == 0);
  CHECK(before.umask == after.umask);
  CHECK(strcmp(before.locale, after.locale) == 0 && strcmp(before.folder, after.folder) == 0);
  CHECK(before.environment == after.environment);
  CHECK(memcmp(&before.files, &after.files, sizeof before.files) == 0);
  CHECK(memcmp(&before.stack, &after.stack, sizeof before.stack) == 0);
  CHECK(before.threads == after.threads && before.descriptors == after.descriptors);
  return 0;
}

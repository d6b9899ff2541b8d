// What a program starts while the library has connections open inherits none of them.
#include "calls.h"

#include <dirent.h>

// How many descriptors this process has, the folder's own left out.
static int open_files(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  CHECK(folder != NULL);
  for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
  closedir(folder);
  return count - 1;
}

// The same, in a program started from here.
static int inherited(char *self) {
  pid_t child = fork();
  if (child == 0) {
    char *const argv[] = {self, "count", NULL};
    execv(self, argv);
    _exit(99);
  }
  int status = check_waited(child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 99);
  return WEXITSTATUS(status);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "count") == 0) return open_files();
  check_begin(argc, argv);
  int mine = open_files(), theirs = inherited(argv[0]);

  rredis_error err;
  rredis_options *tcp = check_options_tcp(), *local = check_options_unix();
  rredis_pool *pools[2] = {NULL, NULL};
  CHECK_OK(rredis_pool_new(tcp, &pools[0], &err), err);
  CHECK_OK(rredis_pool_new(local, &pools[1], &err), err);
  rredis_options_free(tcp);
  rredis_options_free(local);
  for (int i = 0; i < 2; i++) CHECK_OK(rredis_pool_warm(pools[i], 3, &err), err);
  CHECK(open_files() >= mine + 6);
  CHECK(inherited(argv[0]) == theirs);

  // Freed, they are closed: nothing stays open behind the library.
  for (int i = 0; i < 2; i++) rredis_pool_free(pools[i]);
  CHECK(open_files() == mine);
  return 0;
}

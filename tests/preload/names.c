/* Names of a slow resolver: load this with LD_PRELOAD. A name that ends in .test takes half a minute to be unknown; one that
   ends in .late.test is this machine after a quarter of a second; one that ends in .once.test is this machine at once, the
   first time, and then it is as the others. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int ends_in(const char *name, const char *end) {
  size_t len = name ? strlen(name) : 0, end_len = strlen(end);
  return len > end_len && strcmp(name + len - end_len, end) == 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res) {
  static int answered;
  int is_late = ends_in(node, ".late.test");
  if (is_late) usleep(250000);
  if (is_late || (ends_in(node, ".once.test") && !__sync_fetch_and_add(&answered, 1))) {
    node = "127.0.0.1";
  } else if (ends_in(node, ".test")) {
    sleep(30);
    return EAI_NONAME;
  }
  resolver *system = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
  return system(node, service, hints, res);
}

/* A resolver that hangs: load this with LD_PRELOAD, and every name that ends in .test takes half a minute to be unknown. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res) {
  size_t len = node ? strlen(node) : 0;
  if (len > 5 && strcmp(node + len - 5, ".test") == 0) {
    sleep(30);
    return EAI_NONAME;
  }
  resolver *system = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
  return system(node, service, hints, res);
}

/* A resolver that knows one name: load this with LD_PRELOAD, and several.test has the addresses of RREDIS_TEST_ADDRESSES, with
 * commas between them, in that order. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res) {
  resolver *system = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
  const char *addresses = getenv("RREDIS_TEST_ADDRESSES");
  if (node == NULL || addresses == NULL || strcmp(node, "several.test") != 0) return system(node, service, hints, res);
  char *texts = strdup(addresses), *rest = texts;
  struct addrinfo **end = res;
  int error = 0;
  *res = NULL;
  /* One list made of several: freeaddrinfo frees each element by itself. */
  for (char *text; error == 0 && (text = strsep(&rest, ",")) != NULL; end = &(*end)->ai_next)
    error = system(text, service, hints, end);
  free(texts);
  return error;
}

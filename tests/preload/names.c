/* A resolver that hangs: load this with LD_PRELOAD, and every name takes half a minute to be unknown. */
#include <netdb.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res) {
  (void)node, (void)service, (void)hints, (void)res;
  sleep(30);
  return EAI_NONAME;
}

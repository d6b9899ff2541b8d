// Preloaded under a page of examples-c: its connections to 127.0.0.1:6379 go to RREDIS_PORT, where a private server is.
// So a page can be plain about where Redis usually is, and still be run where nothing is installed or disturbed.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>

int connect(int fd, const struct sockaddr *address, socklen_t len) {
  int (*real)(int, const struct sockaddr *, socklen_t);
  *(void **)&real = dlsym(RTLD_NEXT, "connect");
  const struct sockaddr_in *asked = (const struct sockaddr_in *)address;
  const char *port = getenv("RREDIS_PORT");
  if (port == NULL || address->sa_family != AF_INET || asked->sin_port != htons(6379)) {
    return real(fd, address, len);
  }
  struct sockaddr_in instead = *asked;
  instead.sin_port = htons((unsigned short)atoi(port));
  return real(fd, (const struct sockaddr *)&instead, sizeof instead);
}

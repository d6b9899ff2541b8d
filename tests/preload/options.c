/* A system that lets nobody ask a socket for anything, nor where it leads: load this with LD_PRELOAD. */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

int setsockopt(int fd, int level, int name, const void *value, socklen_t len) {
  (void)fd, (void)level, (void)name, (void)value, (void)len;
  errno = ENOPROTOOPT;
  return -1;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len) {
  (void)fd, (void)level, (void)name, (void)value, (void)len;
  errno = EPERM;
  return -1;
}

int getsockname(int fd, struct sockaddr *address, socklen_t *len) {
  (void)fd, (void)address, (void)len;
  errno = EPERM;
  return -1;
}

int getpeername(int fd, struct sockaddr *address, socklen_t *len) { return getsockname(fd, address, len); }

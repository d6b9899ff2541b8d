/* A storm of signals that misses nobody: load this with LD_PRELOAD, and of the calls that a signal may interrupt each first
 * and third and fifth of a thread's is interrupted. A connect is interrupted as connects are: it goes on by itself. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define REAL(type, name, ...) ((type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))
#define INTERRUPTED() __extension__({ static _Thread_local unsigned turn; errno = EINTR; turn++ % 2 == 0; })

int poll(struct pollfd *entries, nfds_t count, int timeout_ms) {
  if (INTERRUPTED()) return -1;
  return REAL(int, poll, struct pollfd *, nfds_t, int)(entries, count, timeout_ms);
}

int epoll_wait(int fd, struct epoll_event *events, int events_max, int timeout_ms) {
  if (INTERRUPTED()) return -1;
  return REAL(int, epoll_wait, int, struct epoll_event *, int, int)(fd, events, events_max, timeout_ms);
}

int connect(int fd, const struct sockaddr *address, socklen_t len) {
  int result = REAL(int, connect, int, const struct sockaddr *, socklen_t)(fd, address, len);
  if (result != 0 || (fcntl(fd, F_GETFL) & O_NONBLOCK)) return result;
  return INTERRUPTED() ? -1 : 0;
}

int accept(int fd, struct sockaddr *address, socklen_t *len) {
  if (INTERRUPTED()) return -1;
  return REAL(int, accept, int, struct sockaddr *, socklen_t *)(fd, address, len);
}

ssize_t recv(int fd, void *buffer, size_t len, int flags) {
  if (INTERRUPTED()) return -1;
  return REAL(ssize_t, recv, int, void *, size_t, int)(fd, buffer, len, flags);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags) {
  if (INTERRUPTED()) return -1;
  return REAL(ssize_t, send, int, const void *, size_t, int)(fd, bytes, len, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  if (INTERRUPTED()) return -1;
  return REAL(ssize_t, sendmsg, int, const struct msghdr *, int)(fd, message, flags);
}

pid_t waitpid(pid_t child, int *status, int options) {
  if (INTERRUPTED()) return -1;
  return REAL(pid_t, waitpid, pid_t, int *, int)(child, status, options);
}

int nanosleep(const struct timespec *wanted, struct timespec *left) {
  if (INTERRUPTED()) return left ? *left = *wanted, -1 : -1;
  return REAL(int, nanosleep, const struct timespec *, struct timespec *)(wanted, left);
}

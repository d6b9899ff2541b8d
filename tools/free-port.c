// Print a loopback port that nobody has: the kernel is asked for one, which is then given back.

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof here;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&here, len) != 0 ||
      getsockname(fd, (struct sockaddr *)&here, &len) != 0) {
    perror("free-port");
    return 1;
  }
  printf("%d\n", ntohs(here.sin_port));
  return 0;
}

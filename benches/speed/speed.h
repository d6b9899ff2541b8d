// What the program of speed.c asks of a client: rredis.c, hiredis.c and bare.c are one each.
#ifndef SPEED_H
#define SPEED_H

#include <stddef.h>

typedef struct command {
  int argc;
  const char **argv;
  size_t *argv_len;
} command;

// A place is unix:PATH, tcp:PORT or tls:PORT of this machine. The certificate of a server that speaks TLS is in RREDIS_CA.
int is_unix(const char *place);
int is_tls(const char *place);
int port_of(const char *place);

void failed(const char *what);

// What link_run returns for a burst that failed, where that may be: lost(why).
#define LOST ((size_t)-1)
size_t lost(const char *what);

// Once for the process, before there are threads.
void client_open(const char *place);
void client_close(void);

// Once for each thread: what it sends its commands on.
void *link_open(const char *place);
void link_close(void *link);

// Send one command so many times in one burst, and take and free the replies. The length of the last reply's text.
size_t link_run(void *link, const command *sent, int times);

#endif

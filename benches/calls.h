// What the program of calls.c is made of: librredis's part there, and a way to measure it, in measured.c or in lockstep.c.
#ifndef CALLS_H
#define CALLS_H

#include <stddef.h>

enum { ARGC_MAX = 5 };

// What is sent once before the first round, and what each round sends: so many commands, all the same.
typedef struct operation {
  const char *name, *way;  // way: call, c++, conn, send, pipeline, message or async
  int commands, argc;
  const char *argv[ARGC_MAX];
  long value_bytes;  // of the value that is set beforehand
  long elements;     // of the list, the hash or the sorted set that is made beforehand
  int window;        // how many commands of an event loop are under way at a time
} operation;

extern size_t argv_len[ARGC_MAX];

void failed(const char *what);
int is_way(const operation *op, const char *way);

// A place is unix:PATH, tcp:PORT or cluster:PORT of this machine: the last is a server of a cluster.
int port_of(const char *place);
void rredis_open(const operation *op, const char *place);
void rredis_round(const operation *op);
void rredis_close(void);

// The same GET through rredis.hpp: there where cplusplus.cpp is linked too.
void cplusplus_open(const char *place) __attribute__((weak));
size_t cplusplus_get(const char *key) __attribute__((weak));

// Prints what is measured.
void measure(const operation *op, const char *who, long rounds, const char *where);

#endif

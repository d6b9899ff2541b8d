/* A system that cannot tell a child by its memory: load this with LD_PRELOAD. RREDIS_TEST_MADVISE says how: "takes" any advice
   and follows none, as an emulator does, or "refuses" the one that counts, as an old kernel does. With RREDIS_TEST_ATFORK=refuses
   there is no room for another function for fork to call. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static int is(const char *variable, const char *value) {
  const char *said = getenv(variable);
  return said && strcmp(said, value) == 0;
}

int madvise(void *address, size_t length, int advice) {
  if (is("RREDIS_TEST_MADVISE", "takes") && (advice < 0 || advice == MADV_WIPEONFORK)) return 0;
  if (is("RREDIS_TEST_MADVISE", "refuses") && advice == MADV_WIPEONFORK) {
    errno = EINVAL;
    return -1;
  }
  int (*system)(void *, size_t, int) = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "madvise");
  return system(address, length, advice);
}

/* What pthread_atfork comes to in the C library of GNU. */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library) {
  typedef int registers(void (*)(void), void (*)(void), void (*)(void), void *);
  if (is("RREDIS_TEST_ATFORK", "refuses")) return ENOMEM;
  return ((registers *)dlsym(RTLD_NEXT, "__register_atfork"))(prepare, parent, child, library);
}

/* An allocator that says no when it is told to: load this with LD_PRELOAD, and find refuse_memory by dlsym. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

/* glibc's own, under the names it keeps for this. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);

void refuse_memory(size_t size, size_t spared, size_t refused);
size_t refused_memory(void);

static _Thread_local size_t least = SIZE_MAX, sparing, refusing, count;

/* From now on, on this thread: of the requests for at least `size` bytes, let `spared` pass and refuse the `refused` after
 * them. A size of SIZE_MAX refuses nothing. */
void refuse_memory(size_t size, size_t spared, size_t refused) {
  least = size, sparing = spared, refusing = refused, count = 0;
}

/* How many were refused since. */
size_t refused_memory(void) { return count; }

static int refuses(size_t size) {
  if (size < least) return 0;
  if (sparing > 0) return sparing--, 0;
  if (refusing == 0) return 0;
  refusing--, count++;
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size) { return refuses(size) ? NULL : __libc_malloc(size); }

void *calloc(size_t number, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(number, size, &bytes)) return errno = ENOMEM, NULL;
  return refuses(bytes) ? NULL : __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) { return refuses(size) ? NULL : __libc_realloc(block, size); }

void *memalign(size_t align, size_t size) { return refuses(size) ? NULL : __libc_memalign(align, size); }

void *aligned_alloc(size_t align, size_t size) { return memalign(align, size); }

int posix_memalign(void **block, size_t align, size_t size) {
  int before = errno;
  void *found = memalign(align, size);
  errno = before;
  return found ? *block = found, 0 : ENOMEM;
}

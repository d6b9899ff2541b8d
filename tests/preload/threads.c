/* A system that has no thread to give: load this with LD_PRELOAD. */
#include <errno.h>
#include <pthread.h>

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *data) {
  (void)thread, (void)attributes, (void)body, (void)data;
  return EAGAIN;
}

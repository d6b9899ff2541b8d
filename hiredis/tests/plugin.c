// Half a program: with PLUGIN a plugin, without it a program that loads the plugin. One is built against libhiredis, and the
// other against this layer, and neither disturbs the other: plugin PORT ./plugin.so
#include <hiredis/hiredis.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

// Things to do with each library's own types and functions; 0: all of them went well.
static int use(int port, const char *name) {
  redisReader *reader = redisReaderCreate();
  void *parsed = NULL;
  redisReaderFeed(reader, "*1\r\n$2\r\nhi\r\n", 12);
  redisReaderGetReply(reader, &parsed);
  redisReaderFree(reader);
  if (parsed == NULL || strcmp(((redisReply *)parsed)->element[0]->str, "hi") != 0) return 1;
  freeReplyObject(parsed);
  char *formatted;
  if (redisFormatCommand(&formatted, "SET %s %d", name, 42) < 0) return 2;
  free(formatted);
  redisContext *c = redisConnect("127.0.0.1", port);
  if (c == NULL || c->err) return 3;
  for (int i = 0; i < 100; i++) {
    redisReply *reply = redisCommand(c, "ECHO %s-%d", name, i);
    if (reply == NULL || reply->type != REDIS_REPLY_STRING || atoi(strrchr(reply->str, '-') + 1) != i) return 4;
    freeReplyObject(reply);
  }
  redisFree(c);
  return 0;
}

#ifdef PLUGIN
int plugin(int port);
int plugin(int port) { return use(port, "plugin"); }
#else
int main(int argc, char **argv) {
  if (argc != 3) return 1;
  void *opened = dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL);
  if (opened == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
  int (*plugin)(int) = (int (*)(int))dlsym(opened, "plugin");
  int port = atoi(argv[1]);
  for (int i = 0; i < 3; i++) {
    int mine = use(port, "host"), theirs = plugin(port);
    if (mine != 0 || theirs != 0) return fprintf(stderr, "the program %d, the plugin %d\n", mine, theirs), 1;
  }
  printf("both\n");
  return 0;
}
#endif

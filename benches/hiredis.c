// What benches/hiredis counts, on whichever hiredis it is compiled with: hiredis PORT OPERATION ROUNDS. Prints the microseconds
// of processor time, user and system, of a round.
#include <hiredis/hiredis.h>

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void die(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(1);
}

static redisReply *got(redisContext *c, void *reply) {
  if (reply == NULL) die(c->errstr);
  return reply;
}

static void get(redisContext *c) {
  redisReply *reply = got(c, redisCommand(c, "GET %s", "bench:hiredis:text"));
  if (reply->len != 64) die("another text");
  freeReplyObject(reply);
}

static void pipeline(redisContext *c) {
  for (int i = 0; i < 100; i++) redisAppendCommand(c, "GET %s", "bench:hiredis:text");
  for (int i = 0; i < 100; i++) {
    void *reply = NULL;
    redisGetReply(c, &reply);
    if (got(c, reply)->type != REDIS_REPLY_STRING) die("no text");
    freeReplyObject(reply);
  }
}

static void lrange(redisContext *c) {
  redisReply *reply = got(c, redisCommand(c, "LRANGE bench:hiredis:list 0 -1"));
  if (reply->elements != 1000) die("another list");
  freeReplyObject(reply);
}

static double spent(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return 1e6 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv) {
  if (argc != 4) die("hiredis PORT OPERATION ROUNDS");
  void (*operation)(redisContext *) = strcmp(argv[2], "get") == 0 ? get : strcmp(argv[2], "pipeline") == 0 ? pipeline : lrange;
  redisContext *c = redisConnect("127.0.0.1", atoi(argv[1]));
  if (c == NULL || c->err) die("no connection");
  freeReplyObject(redisCommand(c, "SET bench:hiredis:text %064d", 1));
  freeReplyObject(redisCommand(c, "DEL bench:hiredis:list"));
  for (int i = 0; i < 1000; i++) freeReplyObject(redisCommand(c, "RPUSH bench:hiredis:list element-%08d", i));
  int rounds = atoi(argv[3]);
  double before = spent();
  for (int i = 0; i < rounds; i++) operation(c);
  printf("%.3f\n", (spent() - before) / (rounds > 0 ? rounds : 1));
  redisFree(c);
  return 0;
}

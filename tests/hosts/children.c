// Children of a parent whose threads wait in every place where the library waits: each child uses the parent's client on
// connections of its own, and none dies or hangs. RREDIS_TEST_URL says where the server is, RREDIS_TEST_CA whom to trust,
// RREDIS_TEST_CHILDREN how many there are, RREDIS_TEST_CHILD_THREADS how many threads each of them starts, and
// RREDIS_TEST_NOWHERE a name that is looked up for ever.
#include "calls.h"

enum { AT_ONCE = 6, ROUNDS = 3, CHILD_MS_MAX = 20000 };

static rredis_pool *pool;
static rredis_client *client;     // on that pool
static rredis_client *nowhere;    // NULL, or at a host whose name is looked up for ever
static int child_threads;

static int number_of(const char *name, int otherwise) { return getenv(name) ? atoi(getenv(name)) : otherwise; }

// Options at a port of this machine, or at the URL.
static rredis_options *options_at(int port) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  const char *url = getenv("RREDIS_TEST_URL"), *ca = getenv("RREDIS_TEST_CA");
  if (port == 0 && url) {
    CHECK_OK(rredis_options_set_url(options, url, strlen(url), &err), err);
    if (ca) CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_TLS_CA_FILE, ca, strlen(ca), &err), err);
  } else {
    check_set_int(options, RREDIS_OPTION_PORT, port ? port : check_port);
  }
  check_set_int(options, RREDIS_OPTION_POOL_WAIT_MS, 60000);
  check_set_int(options, RREDIS_OPTION_CONNECT_TIMEOUT_MS, 60000);
  check_set_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, 60000);
  return options;
}

static rredis_pool *pool_of(rredis_options *options, int max) {
  rredis_error err;
  rredis_pool *made = NULL;
  check_set_int(options, RREDIS_OPTION_POOL_MAX, max);
  CHECK_OK(rredis_pool_new(options, &made, &err), err);
  rredis_options_free(options);
  return made;
}

static rredis_client *client_on(const rredis_pool *shared) {
  rredis_error err;
  rredis_client *made = NULL;
  CHECK_OK(rredis_client_new_on(shared, NULL, &made, &err), err);
  return made;
}

// One command, whose reply is its own.
static void ask(int number, int round) {
  rredis_error err;
  rredis_reply *reply = NULL;
  char text[64];
  snprintf(text, sizeof text, "%d-%d-%d", (int)getpid(), number, round);
  CHECK_OK(rredis_client_command(client, ARGS("ECHO", text), &reply, &err), err);
  CHECK(check_is(reply, RREDIS_REPLY_STRING, text));
  rredis_reply_free(reply);
}

static void start(void *(*body)(void *), void *data) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, body, data) == 0 && pthread_detach(thread) == 0);
}

// The places to wait in. None of these comes back before the program ends, except by a failure of its own.

static void *is_busy(void *data) {
  for (int round = 0;; round++) {
    ask((int)(intptr_t)data, round);
    if (round % 20 == 19) rredis_pool_drop_idle(pool);   // so that there is something to look up, to connect and to greet
  }
  return NULL;
}

// A read, for an answer that never comes.
static void *reads(void *data) {
  rredis_reply *reply = NULL;
  rredis_client_command_with(data, ARGS("BLPOP", "children:never", "0"), 0, 0, NULL, &reply, NULL);
  return NULL;
}

// Whatever stands between a command and its connection: a full pool, a look-up, a connect, a greeting, a pause before the
// next try.
static void *gets(void *data) {
  rredis_reply *reply = NULL;
  rredis_client_command(data, ARGS("GET", "children:never"), &reply, NULL);
  return NULL;
}

static void *writes(void *data) {
  rredis_conn *conn = NULL;
  rredis_error err;
  size_t len = 64 << 20;
  char *value = calloc(len, 1);
  const char *argv[] = {"SET", "children:large", value};
  size_t argv_len[] = {3, 14, len};
  CHECK_OK(rredis_conn_new(data, &conn, &err), err);
  rredis_conn_send(conn, 3, argv, argv_len, &err);
  return NULL;
}

static void *warms(void *data) {
  rredis_pool_warm(data, 1, NULL);
  return NULL;
}

static void *listens(void *data) {
  rredis_error err;
  rredis_pubsub *pubsub = NULL;
  rredis_reply *message = NULL;
  CHECK_OK(rredis_pubsub_new(data, &pubsub, &err), err);
  const char *names[] = {"children:channel"};
  CHECK_OK(rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_CHANNEL, 1, names, NULL, &err), err);
  rredis_pubsub_next(pubsub, -1, &message, NULL);
  return NULL;
}

// A port where so many are let in, and nobody is ever spoken to.
static int silent_port(int backlog) {
  struct sockaddr_in address;
  socklen_t len = sizeof address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, backlog) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
  if (backlog == 0) {   // full from now on
    for (int i = 0; i < 4; i++) {
      int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      connect(filler, (struct sockaddr *)&address, sizeof address);
    }
  }
  return ntohs(address.sin_port);
}

static void wait_everywhere(void) {
  int full = silent_port(0), silent = silent_port(64);
  rredis_pool *one = pool_of(options_at(0), 1), *many = pool_of(options_at(0), 64);
  rredis_client *on_one = client_on(one), *on_many = client_on(many);
  start(reads, on_one);
  while (rredis_pool_stat(one, RREDIS_STAT_CONNECTIONS_IN_USE) < 1) check_sleep_ms(1);
  start(gets, on_one);
  start(reads, on_many);
  start(listens, on_many);

  for (int i = 0; nowhere && i < 2; i++) start(gets, nowhere);
  start(gets, check_client(options_at(full)));
  rredis_error err;
  rredis_options *options = options_at(silent);
  const char *ca = getenv("RREDIS_TEST_CA");
  if (ca) {   // then it is TLS's own greeting that has no answer
    check_set_int(options, RREDIS_OPTION_TLS, 1);
    CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_TLS_CA_FILE, ca, strlen(ca), &err), err);
  }
  start(gets, check_client(options));
  start(warms, pool_of(options_at(silent), 1));
  options = options_at(silent);
  check_set_int(options, RREDIS_OPTION_PROTOCOL, 2);   // and nothing to greet with
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_LIBRARY_NAME, "", 0, &err), err);
  start(writes, check_client(options));
  options = options_at(1);                             // nobody listens there
  check_set_int(options, RREDIS_OPTION_RETRY_MAX, 10);
  check_set_int(options, RREDIS_OPTION_BACKOFF_MS, 60000);
  check_set_int(options, RREDIS_OPTION_BACKOFF_MS_MAX, 60000);
  start(gets, check_client(options));

  // More of them than connections.
  for (int i = 0; i < 8; i++) start(is_busy, (void *)(intptr_t)i);
  while (rredis_pool_stat(one, RREDIS_STAT_WAITING) < 1 || rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS_CREATED) < 8)
    check_sleep_ms(1);
}

static void *work(void *data) {
  for (int round = 0; round < ROUNDS; round++) {
    ask((int)(intptr_t)data, round);
    if (round == 0) rredis_pool_drop_idle(pool);
  }
  return NULL;
}

static void in_a_child(int number) {
  work((void *)(intptr_t)100);
  pthread_t threads[16];
  for (int i = 0; i < child_threads; i++)
    CHECK(pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i) == 0);
  for (int i = 0; i < child_threads; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  if (nowhere && number % 8 == 0) {   // it takes its time and no more
    rredis_error err;
    rredis_reply *reply = NULL;
    rredis_status status = rredis_client_command_with(nowhere, ARGS("PING"), RREDIS_CALL_TIMEOUT, 30, NULL, &reply, &err);
    CHECK(status == RREDIS_ERR_TIMEOUT && err.outcome == RREDIS_OUTCOME_NOT_SENT);
    CHECK_SAYS(err, "look-up");
  }
  if (number % 2 == 0) {
    rredis_client_free(client);
    rredis_pool_free(pool);
    rredis_client_free(nowhere);
  }
}

typedef struct { pid_t id; int64_t since; } child;

static void begin(child *one, int number) {
  one->since = check_now_ms();
  one->id = fork();
  CHECK(one->id >= 0);
  if (one->id > 0) return;
  in_a_child(number);
  _exit(0);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  int children = number_of("RREDIS_TEST_CHILDREN", 40), begun = 0, ended = 0, wrong = 0, killed = 0, hung = 0;
  child_threads = number_of("RREDIS_TEST_CHILD_THREADS", 0);
  CHECK(child_threads <= 16);

  pool = pool_of(options_at(0), 4);
  client = client_on(pool);
  const char *host = getenv("RREDIS_TEST_NOWHERE");
  if (host) {
    rredis_error err;
    rredis_options *options = options_at(check_port);
    CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_HOST, host, strlen(host), &err), err);
    nowhere = check_client(options);
  }
  wait_everywhere();

  child running[AT_ONCE] = {{0, 0}};
  while (ended < children) {
    for (int i = 0; i < AT_ONCE; i++) {
      child *one = &running[i];
      int status = 0;
      if (one->id == 0) {
        if (begun < children) begin(one, begun++);
        continue;
      }
      int late = check_now_ms() - one->since > CHILD_MS_MAX;
      if (late) kill(one->id, SIGKILL);
      if (waitpid(one->id, &status, late ? 0 : WNOHANG) != one->id) continue;
      hung += late;
      killed += !late && WIFSIGNALED(status);
      wrong += !late && WIFEXITED(status) && WEXITSTATUS(status) != 0;
      one->id = 0;
      ended++;
    }
    check_sleep_ms(1);
  }
  if (killed + wrong + hung > 0)
    fprintf(stderr, "of %d children %d died of a signal, %d hung, and %d were told something else\n", children, killed, hung, wrong);
  _exit(killed + wrong + hung > 0);   // whatever the threads still wait for
}

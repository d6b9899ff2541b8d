// Eight threads in one phase of a call, phase after phase, are woken: all at once, each by its own word, and by a signal
// handler that runs on them a thousand times a second. No wake is lost. ThreadSanitizer's program, too, which asks for more
// rounds with RREDIS_TEST_ROUNDS; with RREDIS_TEST_HANGS names that end in .test are looked up for ever.
#include "calls.h"

#include <arpa/inet.h>

enum { THREADS = 8, LONG_MS = 60000, LARGE = 16 << 20 };
typedef enum { TOGETHER, EACH, HANDLER, WAYS } way;
typedef struct job job;
typedef rredis_status waits(job *mine, rredis_error *err);
struct job {
  const rredis_client *client;
  waits *call;
  rredis_pipeline *pipeline;
  rredis_conn *conn;
  pthread_t thread;
  int over;                    // atomic
};

static const rredis_client *handled;
static char *large;
static int rounds = 1;

static int is_over(job *mine) { return __atomic_load_n(&mine->over, __ATOMIC_ACQUIRE); }

static void *work(void *data) {
  job *mine = data;
  rredis_error err;
  CHECK_FAILS(mine->call(mine, &err), err, RREDIS_ERR_WOKEN, err.outcome);
  CHECK(err.outcome == RREDIS_OUTCOME_NOT_SENT || err.outcome == RREDIS_OUTCOME_UNKNOWN || (mine->conn && err.outcome == RREDIS_OUTCOME_NONE));
  __atomic_store_n(&mine->over, 1, __ATOMIC_RELEASE);
  return NULL;
}

static void wake_it(int signal) {
  UNUSED(signal);
  int kept = errno;
  rredis_client_wake(__atomic_load_n(&handled, __ATOMIC_ACQUIRE), NULL);
  CHECK(errno == kept);
}

static int all_over(job *jobs) {
  int over = 0;
  for (int i = 0; i < THREADS; i++) over += is_over(&jobs[i]);
  return over == THREADS;
}

// One word to those that wait; a thread that has not begun hears the next.
static void wake(job *jobs, way how) {
  for (int i = 0; i < THREADS; i++) {
    if (is_over(&jobs[i])) continue;
    if (jobs[i].pipeline) CHECK(rredis_pipeline_wake(jobs[i].pipeline) <= 1);
    else if (jobs[i].conn) CHECK(rredis_conn_wake(jobs[i].conn) <= 1);
    else if (how == EACH) CHECK(rredis_client_wake(jobs[i].client, &jobs[i]) <= 1);
    else if (how == HANDLER) CHECK(pthread_kill(jobs[i].thread, SIGUSR1) == 0);
  }
  if (how == TOGETHER) CHECK(rredis_client_wake(jobs[0].client, NULL) <= THREADS);
  // A sanitizer lets a handler run where a thread is in a function that it knows, as this one is.
  if (how == HANDLER) CHECK(kill(getpid(), SIGUSR1) == 0);
}

static void woken(const rredis_client *client, waits *call, job *jobs, way how, int after_ms) {
  __atomic_store_n(&handled, client, __ATOMIC_RELEASE);
  for (int i = 0; i < THREADS; i++) {
    jobs[i].client = client;
    jobs[i].call = call;
    jobs[i].over = 0;
    CHECK(pthread_create(&jobs[i].thread, NULL, work, &jobs[i]) == 0);
  }
  check_sleep_ms(after_ms);
  for (int64_t begin = check_now_ms(); !all_over(jobs); check_sleep_ms(1)) {
    wake(jobs, how);
    CHECK(check_now_ms() - begin < LONG_MS / 2);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(jobs[i].thread, NULL);
}

// Before they wait, as they begin to, and when they have waited long.
static void phase(const rredis_client *client, waits *call, job *jobs) {
  for (int i = 0; i < rounds; i++)
    for (way how = TOGETHER; how < WAYS; how++)
      for (int after_ms = 0; after_ms <= 50; after_ms += 25) woken(client, call, jobs, how, after_ms);
}

static rredis_status run(job *mine, size_t argc, const char *const *argv, const size_t *argv_len, rredis_error *err) {
  return rredis_client_command_with(mine->client, argc, argv, argv_len, 0, 0, mine, NULL, err);
}
static rredis_status blpop(job *mine, rredis_error *err) { return run(mine, ARGS("BLPOP", "c:woken:none", "0"), err); }
static rredis_status ping(job *mine, rredis_error *err) { return run(mine, ARGS("PING"), err); }
static rredis_status set(job *mine, rredis_error *err) {
  const char *argv[] = {"SET", "c:woken:large", large};
  const size_t lens[] = {3, 13, LARGE};
  return run(mine, 3, argv, lens, err);
}
static rredis_status pipeline(job *mine, rredis_error *err) {
  rredis_error added;
  CHECK_OK(rredis_pipeline_add(mine->pipeline, ARGS("BLPOP", "c:woken:none", "0"), &added), added);
  return rredis_pipeline_run(mine->pipeline, RREDIS_PIPELINE_PLAIN, NULL, err);
}
static rredis_status receive(job *mine, rredis_error *err) {
  rredis_reply *reply;
  return rredis_conn_receive(mine->conn, -1, &reply, err);
}

static rredis_client *patient(const char *url, int retries) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  CHECK_OK(rredis_options_set_url(options, url, strlen(url), &err), err);
  check_set_int(options, RREDIS_OPTION_CONNECT_TIMEOUT_MS, LONG_MS);
  check_set_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, LONG_MS);
  check_set_int(options, RREDIS_OPTION_POOL_WAIT_MS, LONG_MS);
  check_set_int(options, RREDIS_OPTION_RETRY_MAX, retries);
  check_set_int(options, RREDIS_OPTION_BACKOFF_MS, LONG_MS / 3);
  check_set_int(options, RREDIS_OPTION_BACKOFF_MS_MAX, LONG_MS / 3);
  return check_client(options);
}

static void at(const char *scheme, int port, const char *more, int retries, waits *call) {
  char url[128];
  snprintf(url, sizeof url, "%s://127.0.0.1:%d%s", scheme, port, more);
  rredis_client *client = patient(url, retries);
  job jobs[THREADS] = {{0}};
  phase(client, call, jobs);
  rredis_client_free(client);
}

// A socket that listens, and has room for so many whom nobody lets in; its port.
static int listens(int *port, int room) {
  struct sockaddr_in address;
  socklen_t len = sizeof address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0 && listen(fd, room) == 0);
  *port = ntohs(address.sin_port);
  return fd;
}

static void nobody_answers(void) {
  int port, fd = listens(&port, 4000);
  at("redis", port, "", 0, ping);
  at("rediss", port, "", 0, ping);
  // RESP2 and no name: there is nothing to say before the command itself.
  large = calloc(1, LARGE);
  CHECK(large != NULL);
  at("redis", port, "?protocol=2&library_name=", 0, set);
  free(large);
  close(fd);
  // Nobody listens there any more.
  at("redis", port, "", 20, ping);

  int full = listens(&port, 0), waiting[4];
  for (int i = 0; i < 4; i++) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // In progress, or no room left: either is what is wanted.
    if (connect(waiting[i], (struct sockaddr *)&address, sizeof address) != 0) CHECK(errno == EINPROGRESS || errno == EAGAIN || errno == EINTR);
  }
  at("redis", port, "", 0, ping);
  for (int i = 0; i < 4; i++) close(waiting[i]);
  close(full);
}

static void a_server_that_is_there(void) {
  rredis_error err;
  rredis_conn *conn;
  job jobs[THREADS] = {{0}};
  char url[64];
  at("redis", check_port, "", 0, blpop);
  snprintf(url, sizeof url, "redis://127.0.0.1:%d?pool_max=1", check_port);
  rredis_client *client = patient(url, 0);
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  phase(client, ping, jobs);
  rredis_conn_free(conn);
  // Whoever gave up waiting took nothing along.
  check_do(client, ARGS("PING"));
  rredis_client_free(client);

  snprintf(url, sizeof url, "redis://127.0.0.1:%d", check_port);
  client = patient(url, 0);
  for (int i = 0; i < THREADS; i++) CHECK_OK(rredis_pipeline_new(client, &jobs[i].pipeline, &err), err);
  phase(client, pipeline, jobs);
  for (int i = 0; i < THREADS; i++) rredis_pipeline_free(jobs[i].pipeline), jobs[i].pipeline = NULL;
  for (int i = 0; i < THREADS; i++) CHECK_OK(rredis_conn_new(client, &jobs[i].conn, &err), err);
  for (int i = 0; i < THREADS; i++) CHECK_OK(rredis_conn_send(jobs[i].conn, ARGS("PING"), &err), err);
  for (int i = 0; i < THREADS; i++) {
    rredis_reply *reply;
    CHECK_OK(rredis_conn_receive(jobs[i].conn, -1, &reply, &err), err);
    rredis_reply_free(reply);
    CHECK_OK(rredis_conn_send(jobs[i].conn, ARGS("BLPOP", "c:woken:none", "0"), &err), err);
  }
  phase(client, receive, jobs);
  for (int i = 0; i < THREADS; i++) rredis_conn_free(jobs[i].conn);
  rredis_client_free(client);
}

static void a_lookup_that_hangs(void) {
  job jobs[THREADS] = {{0}};
  rredis_client *client = patient("redis://hangs.test", 0);
  woken(client, ping, jobs, TOGETHER, 0);
  woken(client, ping, jobs, EACH, 50);
  woken(client, ping, jobs, HANDLER, 50);
  rredis_client_free(client);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  const char *asked = getenv("RREDIS_TEST_ROUNDS");
  if (asked) rounds = (atoi(asked) + 99) / 100;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = wake_it;
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  a_server_that_is_there();
  nobody_answers();
  if (getenv("RREDIS_TEST_HANGS")) a_lookup_that_hangs();
  return 0;
}

// 25. A redis-cli.
//
// The capstone: commands from a terminal, a file or the command line, replies of any shape, messages
// as they come, thousands of commands at once, and Ctrl-C, which ends a wait and not the program.
//
// New here: rredis_options_on_interrupt, rredis_conn_receive, _send_with, RREDIS_CALL_MORE, _ERROR_REPLY
// Run it:   make examples && ./target/examples/25_redis_cli [-u URL] [--pipe | COMMAND...]

#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <rredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static rredis_client *client;
static rredis_conn *conn;  // one connection: SELECT and MULTI hold until it is lost
static volatile sig_atomic_t stopped;

static void interrupted(int signal) { stopped = signal; }

// Asked by each call that waits, and at once after a signal.
static rredis_status goes_on(void *user_data) {
  (void)user_data;
  return stopped ? RREDIS_ERR_WOKEN : RREDIS_OK;
}

// What stands behind a backslash: \n, \r, \t, \xHH, or the letter itself.
static char escaped(const char **at) {
  const char letter = *(*at)++;
  if (letter == 'x' && isxdigit((unsigned char)(*at)[0]) && isxdigit((unsigned char)(*at)[1])) {
    const char digits[] = {(*at)[0], (*at)[1], '\0'};
    return *at += 2, (char)strtol(digits, NULL, 16);
  }
  return letter == 'n' ? '\n' : letter == 'r' ? '\r' : letter == 't' ? '\t' : letter;
}

// A line becomes arguments, in its own memory: how many, or -1 where quotes are not balanced.
static long split(char *line, const char **argv, size_t *lens) {
  const char *at = line;
  long argc = 0;
  for (;;) {
    while (isspace((unsigned char)*at)) at++;
    if (!*at) return argc;
    const char quote = *at == '"' || *at == '\'' ? *at++ : '\0';
    char *out = line;  // an argument is never longer than what it is written as
    argv[argc] = line;
    while (*at && (quote ? *at != quote : !isspace((unsigned char)*at))) {
      if (quote == '"' && at[0] == '\\' && at[1]) at++, *out++ = escaped(&at);
      else if (quote == '\'' && at[0] == '\\' && at[1] == '\'') at++, *out++ = *at++;
      else *out++ = *at++;
    }
    if (quote && (*at++ != quote || (*at && !isspace((unsigned char)*at)))) return -1;
    if (*at) at++;
    lens[argc] = (size_t)(out - argv[argc]), argc++;
    *out = '\0', line = out + 1;
  }
}

static void quoted(const char *text, size_t len) {
  putchar('"');
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '"' || text[i] == '\\' || text[i] == '\n') printf("\\%c", text[i] == '\n' ? 'n' : text[i]);
    else if (isprint((unsigned char)text[i])) putchar(text[i]);
    else printf("\\x%02x", (unsigned char)text[i]);
  }
  printf("\"\n");
}

static void show(const rredis_reply *reply, int column) {
  const int is_map = reply->kind == RREDIS_REPLY_MAP;
  const char mark = is_map ? '#' : reply->kind == RREDIS_REPLY_SET ? '~' : reply->kind == RREDIS_REPLY_PUSH ? '>' : ')';
  switch (reply->kind) {
    case RREDIS_REPLY_NULL: printf("(nil)\n"); return;
    case RREDIS_REPLY_INTEGER: printf("(integer) %lld\n", (long long)reply->integer); return;
    case RREDIS_REPLY_BOOL: printf("(%s)\n", reply->integer ? "true" : "false"); return;
    case RREDIS_REPLY_STRING: quoted(reply->str, reply->len); return;
    case RREDIS_REPLY_ERROR: printf("(error) %s\n", reply->str); return;
    case RREDIS_REPLY_DOUBLE: printf("(double) %s\n", reply->str); return;
    case RREDIS_REPLY_STATUS: case RREDIS_REPLY_VERBATIM: case RREDIS_REPLY_BIG_NUMBER: printf("%s\n", reply->str); return;
    default: break;  // those with elements
  }
  if (reply->len == 0) printf("(empty)\n");
  for (size_t i = 0; i < reply->len; i++) {
    if (i > 0) printf("%*s", column, "");
    const int width = printf("%zu%c ", i / (is_map ? 2 : 1) + 1, mark);
    if (is_map) show(&reply->elements[i++], column + width), printf("%*s=> ", column + width, "");
    show(&reply->elements[i], column + width + (is_map ? 3 : 0));
  }
}

static int failed(const rredis_error *err) {
  if (err->status == RREDIS_ERR_WOKEN) printf("(interrupted)\n");
  else fprintf(stderr, "%s: %s\n", rredis_status_name(err->status), err->message);
  rredis_conn_free(conn);  // the next command has another one
  return conn = NULL, 1;
}

// Wait for the next reply or message, and show it, or count it where it is an error.
static int received(size_t *errors) {
  rredis_error err;
  rredis_reply *reply;
  if (rredis_conn_receive(conn, -1, &reply, &err) != RREDIS_OK) return failed(&err), 0;
  if (!errors) show(reply, 0), fflush(stdout);
  else *errors += reply->kind == RREDIS_REPLY_ERROR;
  rredis_reply_free(reply);
  return 1;
}

static int run(size_t argc, const char *const *argv, const size_t *lens) {
  const uint32_t flags = RREDIS_CALL_RAW | RREDIS_CALL_ERROR_REPLY;  // as the server says it, errors too
  static const char *const streams[] = {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR"};
  rredis_error err;
  rredis_reply *reply = NULL;
  stopped = 0;
  if (!conn && rredis_conn_new(client, &conn, &err) != RREDIS_OK) return failed(&err);
  const rredis_status status = rredis_conn_command_with(conn, argc, argv, lens, flags, 0, NULL, &reply, &err);
  if (status == RREDIS_ERR_ARGUMENT || status == RREDIS_ERR_STATE) return printf("(refused) %s\n", err.message), 1;
  if (status != RREDIS_OK) return failed(&err);
  const int is_error = reply->kind == RREDIS_REPLY_ERROR;
  int is_stream = 0;
  for (int i = 0; i < 4; i++) is_stream |= !is_error && strcasecmp(argv[0], streams[i]) == 0;
  if (!is_stream || reply->kind != RREDIS_REPLY_NULL) show(reply, 0);  // a subscription has no reply
  rredis_reply_free(reply);
  while (is_stream && received(NULL)) continue;
  return is_error;
}

// A thousand commands are queued and written together, and then their replies are read.
static int sent(size_t argc, const char *const *argv, const size_t *lens, size_t *count, size_t *errors) {
  rredis_error err;
  if ((!conn && rredis_conn_new(client, &conn, &err) != RREDIS_OK) ||
      rredis_conn_send_with(conn, argc, argv, lens, RREDIS_CALL_MORE, &err) != RREDIS_OK) return !failed(&err);
  if (++*count % 1000 > 0) return 1;
  for (int i = 0; i < 1000; i++) if (!received(errors)) return 0;
  return 1;
}

static int lines(int is_pipe) {
  char *line = NULL;
  size_t room = 0, errors = 0, count = 0;
  int result = 0;
  for (ssize_t len; !(is_pipe && result);) {
    if (!is_pipe && isatty(0)) printf("> "), fflush(stdout);
    if ((len = getline(&line, &room, stdin)) < 0) break;
    const char **argv = calloc((size_t)len + 1, sizeof *argv);
    size_t *lens = calloc((size_t)len + 1, sizeof *lens);  // more than there can be
    const long argc = argv && lens ? split(line, argv, lens) : -1;
    if (argc < 0) printf("(refused) unbalanced quotes\n"), result = 1;
    else if (argc > 0) result = is_pipe ? !sent((size_t)argc, argv, lens, &count, &errors) : run((size_t)argc, argv, lens);
    free(argv), free(lens);
  }
  for (size_t i = 0; is_pipe && !result && i < count % 1000; i++) result = !received(&errors);
  if (is_pipe && !result) printf("%zu replies, %zu of them errors\n", count, errors);
  free(line);
  return result || errors > 0;
}

int main(int argc, char **argv) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  struct sigaction action = {.sa_handler = interrupted};
  const int has_url = argc > 2 && strcmp(argv[1], "-u") == 0;
  const char *url = has_url ? argv[2] : "redis://127.0.0.1:6379";
  char **rest = argv + (has_url ? 3 : 1);
  if (rredis_options_set_url(options, url, strlen(url), &err) != RREDIS_OK ||
      rredis_options_on_interrupt(options, goes_on, NULL, NULL, &err) != RREDIS_OK ||
      rredis_client_new(options, &client, &err) != RREDIS_OK) return failed(&err);
  sigaction(SIGINT, &action, NULL);  // no SA_RESTART: at the prompt Ctrl-C ends the program
  const int result = !*rest ? lines(0) : strcmp(*rest, "--pipe") == 0 ? lines(1)
      : run((size_t)(argv + argc - rest), (const char *const *)rest, NULL);
  rredis_conn_free(conn);
  rredis_client_free(client);
  rredis_options_free(options);
  return result;
}

// Reads:
// SET page25 "two\nlines \x00"
// GET page25
// LPUSH page25 x
// GET "open
// HSET page25:h 'a key' 1 "it's" "a \"word\""
// HGETALL page25:h

// Prints:
// OK
// "two\nlines \x00"
// (error) WRONGTYPE Operation against a key holding the wrong kind of value
// (refused) unbalanced quotes
// (integer) 2
// 1# "a key"
//    => "1"
// 2# "it's"
//    => "a \"word\""

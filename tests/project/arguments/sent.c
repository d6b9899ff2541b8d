// What rredis_args.h sends is what it was given: each type, at its ends, through a server and back.
#include "check.h"

#include <float.h>
#include <limits.h>
#include <locale.h>
#include <rredis_args.h>

rredis_status beside(const rredis_client *client, rredis_reply **out_reply, rredis_error *err, int value);

static const rredis_client *at;
static rredis_reply *last;
static rredis_error err;

// What the server was sent, as it says itself.
#define ECHOED(value) (rredis_reply_free(last), last = NULL, \
    rredis_do(at, &last, &err, "ECHO", value) == RREDIS_OK ? last->str : (check_failed(__FILE__, __LINE__, #value, &err), ""))
#define IS(value, text) CHECK(strcmp(ECHOED(value), text) == 0)
#define SIGNED(value) CHECK(strtoll(ECHOED(value), NULL, 10) == (value))
#define UNSIGNED(value) CHECK(strtoull(ECHOED(value), NULL, 10) == (value))

static void integers(void) {
  IS(0, "0");
  IS(LLONG_MIN, "-9223372036854775808");
  IS(LLONG_MAX, "9223372036854775807");
  IS(ULLONG_MAX, "18446744073709551615");
  IS('A', "65");
  IS((unsigned char)255, "255");
  IS((size_t)7, "7");
  SIGNED((signed char)SCHAR_MIN); SIGNED((char)CHAR_MIN); SIGNED((char)CHAR_MAX); SIGNED((short)SHRT_MIN);
  SIGNED(INT_MIN); SIGNED(INT_MAX); SIGNED(LONG_MIN); SIGNED(LONG_MAX); SIGNED(INT64_MIN);
  UNSIGNED((unsigned short)USHRT_MAX); UNSIGNED(UINT_MAX); UNSIGNED(ULONG_MAX); UNSIGNED(SIZE_MAX); UNSIGNED(UINT64_MAX);
}

// A number is read where a dot is one.
static void exactly(long double value, int digits, const char *text) {
  char before[64];
  CHECK(strlen(text) < sizeof before && strchr(text, ',') == NULL);
  char *locale = strdup(setlocale(LC_NUMERIC, NULL));
  strcpy(before, text);
  CHECK(setlocale(LC_NUMERIC, "C") != NULL);
  const long double read = digits == FLT_DIG ? (long double)strtof(before, NULL)
      : digits == DBL_DIG ? (long double)strtod(before, NULL) : strtold(before, NULL);
  CHECK(setlocale(LC_NUMERIC, locale) != NULL);
  free(locale);
  CHECK(read == value && signbit(read) == signbit(value));
}

static void floating(void) {
  static const float floats[] = {0, 0.1f, 1.0f / 3, FLT_MIN, FLT_MAX, FLT_EPSILON, FLT_TRUE_MIN, 16777217.0f, 3.4e-45f};
  static const double doubles[] = {0, 0.1, 1.0 / 3, DBL_MIN, DBL_MAX, DBL_EPSILON, DBL_TRUE_MIN, 9007199254740993.0, 5e-324};
  static const long double longs[] = {0, 0.1L, 1.0L / 3, LDBL_MIN, LDBL_MAX, LDBL_EPSILON, LDBL_TRUE_MIN};
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
    exactly((long double)floats[i], FLT_DIG, ECHOED(floats[i]));
    exactly((long double)-floats[i], FLT_DIG, ECHOED(-floats[i]));
  }
  for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
    exactly((long double)doubles[i], DBL_DIG, ECHOED(doubles[i]));
    exactly((long double)-doubles[i], DBL_DIG, ECHOED(-doubles[i]));
  }
  for (size_t i = 0; i < sizeof longs / sizeof *longs; i++) {
    exactly(longs[i], LDBL_DIG, ECHOED(longs[i]));
    exactly(-longs[i], LDBL_DIG, ECHOED(-longs[i]));
  }
  uint64_t seed = 88172645463325252u;
  for (int i = 0; i < 2000; i++) {
    double value;
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    memcpy(&value, &seed, sizeof value);
    if (!isfinite(value)) continue;
    exactly((long double)value, DBL_DIG, ECHOED(value));
  }
  // As short as may be, and no shorter.
  IS(0.1, "0.1"); IS(0.1f, "0.1"); IS(0.1L, "0.1"); IS(95.5, "95.5"); IS(1e100, "1e+100"); IS(-0.0, "-0"); IS(3.0, "3");
  IS(0.1 + 0.2, "0.30000000000000004");
  IS((double)INFINITY, "inf"); IS(-(double)INFINITY, "-inf"); IS(INFINITY, "inf"); IS((long double)INFINITY, "inf");
  IS((double)NAN, "nan"); IS(-(double)NAN, "nan"); IS(NAN, "nan"); IS((long double)NAN, "nan");
}

static void texts(void) {
  char changing[] = "ab";
  const char *const fixed = "abc";
  IS(changing, "ab");
  IS(fixed, "abc");
  IS("", "");
  IS(rredis_bytes("x\0y", 0), "");
  CHECK(memcmp(ECHOED(rredis_bytes("x\0y", 3)), "x\0y", 4) == 0 && last->len == 3);
  CHECK(strcmp(ECHOED(rredis_bytes(NULL, 0)), "") == 0);
  char *none = NULL;
  rredis_reply *reply = NULL;
  CHECK_FAILS(rredis_do(at, &reply, &err, "ECHO", none), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "argv[1]");
  CHECK_FAILS(rredis_do(at, &reply, &err, "ECHO", rredis_bytes(NULL, 1)), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK(reply == NULL);
  // Each argument is evaluated once, and all 24 are sent, in their order.
  int count = 0;
  IS(count++, "0");
  CHECK(count == 1);
  rredis_reply_free(last);
  last = NULL;
  CHECK_OK(rredis_do(at, NULL, &err, "DEL", "args:list"), err);
  CHECK_OK(rredis_do(at, &last, &err, "RPUSH", "args:list", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22), err);
  CHECK(check_is_integer(last, 22));
  rredis_reply_free(last);
  last = NULL;
  CHECK_OK(rredis_do(at, &last, &err, "LRANGE", "args:list", 0, -1), err);
  for (int i = 0; i < 22; i++) CHECK(atoi(last->elements[i].str) == i + 1);
  rredis_reply_free(last);
  last = NULL;
  CHECK_OK(beside(at, &last, &err, 4711), err);
  CHECK(check_is(last, RREDIS_REPLY_STRING, "4711"));
  // And texts alone, in C99's way.
  rredis_reply_free(last);
  last = NULL;
  CHECK_OK(rredis_client_command(at, RREDIS_TEXTS(count++ ? "ECHO" : "PING", fixed), &last, &err), err);
  CHECK(check_is(last, RREDIS_REPLY_STRING, "abc") && count == 2);
}

static void handles(void) {
  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(at, &conn, &err), err);
  rredis_reply_free(last);
  last = NULL;
  CHECK_OK(rredis_do(conn, &last, &err, "ECHO", 1), err);
  CHECK(check_is(last, RREDIS_REPLY_STRING, "1"));
  rredis_reply_free(last);
  last = NULL;
  CHECK_OK(rredis_send(conn, &err, "ECHO", 2), err);
  CHECK_OK(rredis_conn_receive(conn, 20000, &last, &err), err);
  CHECK(check_is(last, RREDIS_REPLY_STRING, "2"));
  rredis_conn_free(conn);

  rredis_pipeline *pipeline = NULL;
  CHECK_OK(rredis_pipeline_new(at, &pipeline, &err), err);
  CHECK_OK(rredis_pipeline_watch(pipeline, RREDIS_TEXTS("args:list"), &err), err);
  rredis_reply_free(last);
  last = NULL;
  CHECK_OK(rredis_do(pipeline, &last, &err, "LLEN", "args:list"), err);
  CHECK(check_is_integer(last, 22));
  CHECK_OK(rredis_add(pipeline, &err, "ECHO", 3), err);
  rredis_reply_free(last);
  last = NULL;
  CHECK_OK(rredis_pipeline_run(pipeline, RREDIS_PIPELINE_ATOMIC, &last, &err), err);
  CHECK(last->len == 1 && check_is(&last->elements[0], RREDIS_REPLY_STRING, "3"));
  rredis_pipeline_free(pipeline);

  rredis_async *loop = NULL;
  CHECK_OK(rredis_async_new(at, &loop, &err), err);
  CHECK_OK(rredis_submit(loop, &pipeline, &err, "ECHO", 4), err);
  rredis_reply_free(last);
  last = NULL;
  void *data = NULL;
  rredis_status status;
  const int64_t end = check_now_ms() + 20000;
  while ((status = rredis_async_next(loop, &last, &data, &err)) == RREDIS_ERR_AGAIN && check_now_ms() < end) {
    check_sleep_ms(1);
    CHECK_OK(rredis_async_step(loop, RREDIS_READY_READ, &err), err);
  }
  CHECK_OK(status, err);
  CHECK(check_is(last, RREDIS_REPLY_STRING, "4") && data == (void *)&pipeline);
  rredis_async_free(loop);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  CHECK(setlocale(LC_ALL, getenv("RREDIS_TEST_LOCALE")) != NULL);
  rredis_client *client = check_client(check_options_tcp());
  at = client;
  integers();
  floating();
  texts();
  handles();
  rredis_reply_free(last);
  rredis_client_free(client);
  return 0;
}

// rredis_args.h: a command on one line, in C11.
//
//   rredis_do(client, &reply, &err, "SET", key, rredis_bytes(photo, photo_len), "EX", 60);
//   rredis_add(pipeline, &err, "ZADD", "board", 95.5, name);
//
// An argument is
//   a text      char * or const char *, ending in a NUL. NULL is RREDIS_ERR_ARGUMENT
//   a number    any integer or floating type, char among them. It is written in decimal,
//               as short as it can be and still be read as the same number of its type
//   bytes       rredis_bytes(bytes, bytes_len)
//
// Anything else does not compile: a bool, a struct, any other pointer, the word NULL
// where it is a void *. Nor do more than 24 arguments, the command's name among them.
// Each argument is evaluated once.
//
// Nothing here is exported or stored: your compiler makes argc, argv and argv_len, and
// calls the function of rredis.h. What that says of waiting, failing and owning holds.
#ifndef RREDIS_ARGS_H
#define RREDIS_ARGS_H

#if defined(__cplusplus)
#error "rredis_args.h is for C: C++ has rredis.hpp"
#elif !defined(__STDC_VERSION__) || __STDC_VERSION__ < 201112L
#error "rredis_args.h needs C11; RREDIS_TEXTS of rredis.h needs C99"
#endif

#include <float.h>
#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// An argument, made by rredis_bytes or by the macros below.
typedef struct rredis_arg {
  const char *str;  // the bytes; NULL: the digits, if there are any
  size_t len;       // how many bytes, or digits
  char digits[48];  // a number
} rredis_arg;

/// Make an argument of bytes. They must stay until the call returns. NULL is empty if
/// bytes_len is 0, and otherwise RREDIS_ERR_ARGUMENT.
static inline rredis_arg rredis_bytes(const void *bytes, size_t bytes_len) {
  rredis_arg arg = {(const char *)bytes, bytes_len, {0}};
  return arg;
}

/// Send one command and wait for its reply: rredis_client_command, rredis_conn_command
/// or rredis_pipeline_command.
///
///   handle     an rredis_client, an rredis_conn, or an rredis_pipeline that watches
///   out_reply  receives the reply; may be NULL
#define rredis_do(handle, out_reply, err, ...)            \
  _Generic((handle),                                      \
      const rredis_client *: rredis_do_on_client_,        \
      rredis_client *: rredis_do_on_client_,              \
      rredis_conn *: rredis_do_on_conn_,                  \
      rredis_pipeline *: rredis_do_on_pipeline_)(         \
      (handle), (out_reply), (err), RREDIS_ARGS_(__VA_ARGS__))

/// Queue one command in an rredis_pipeline: rredis_pipeline_add.
#define rredis_add(pipeline, err, ...) \
  rredis_add_((pipeline), (err), RREDIS_ARGS_(__VA_ARGS__))

/// Send one command without waiting for its reply: rredis_conn_send.
#define rredis_send(conn, err, ...) \
  rredis_send_((conn), (err), RREDIS_ARGS_(__VA_ARGS__))

/// Submit one command to an rredis_async: rredis_async_submit, without flags.
///
///   call_data  returned by rredis_async_next with the reply
#define rredis_submit(handle, call_data, err, ...) \
  rredis_submit_((handle), (call_data), (err), RREDIS_ARGS_(__VA_ARGS__))

// ---- The rest is for the compiler: names that end in _ may change. -------------------

enum { RREDIS_ARGS_MAX_ = 24 };

// What the functions of rredis.h take.
typedef struct rredis_argv_ {
  const char *argv[RREDIS_ARGS_MAX_];
  size_t lens[RREDIS_ARGS_MAX_];
} rredis_argv_;

static inline rredis_arg rredis_arg_of_arg_(rredis_arg arg) { return arg; }

static inline rredis_arg rredis_arg_of_text_(const char *text) {
  // NULL with a length is what the library refuses.
  return rredis_bytes(text, text ? strlen(text) : 1);
}

static inline rredis_arg rredis_arg_of_int_(long long value) {
  rredis_arg arg = {NULL, 0, {0}};
  arg.len = (size_t)snprintf(arg.digits, sizeof arg.digits, "%lld", value);
  return arg;
}

static inline rredis_arg rredis_arg_of_unsigned_(unsigned long long value) {
  rredis_arg arg = {NULL, 0, {0}};
  arg.len = (size_t)snprintf(arg.digits, sizeof arg.digits, "%llu", value);
  return arg;
}

// Whatever the locale's decimal point is, the server reads a dot.
static inline rredis_arg rredis_arg_with_dot_(rredis_arg arg) {
  size_t i, len = 0;
  int in_point = 0;
  for (i = 0; i < arg.len; i++) {
    const int is_point = arg.digits[i] == '\0' || !strchr("+-0123456789einfa", arg.digits[i]);
    if (!is_point || !in_point) arg.digits[len++] = is_point ? '.' : arg.digits[i];
    in_point = is_point;
  }
  arg.digits[len] = '\0';
  arg.len = len;
  return arg;
}

// The fewest digits that are read as the same number of its type, which has so many.
static inline rredis_arg rredis_arg_of_floating_(long double value, int digits, int digits_max) {
  rredis_arg arg = {NULL, 0, {0}};
  long double read = value;
  if (!(value <= 0) && !(value >= 0)) return rredis_bytes("nan", 3);
  do {
    arg.len = (size_t)snprintf(arg.digits, sizeof arg.digits, "%.*Lg", digits, value);
    if (digits_max == FLT_DECIMAL_DIG) read = (long double)strtof(arg.digits, NULL);
    else if (digits_max == DBL_DECIMAL_DIG) read = (long double)strtod(arg.digits, NULL);
    else read = strtold(arg.digits, NULL);
  } while (digits++ < digits_max && (read < value || read > value));
  return rredis_arg_with_dot_(arg);
}

static inline rredis_arg rredis_arg_of_float_(float value) {
  return rredis_arg_of_floating_((long double)value, FLT_DIG, FLT_DECIMAL_DIG);
}

static inline rredis_arg rredis_arg_of_double_(double value) {
  return rredis_arg_of_floating_((long double)value, DBL_DIG, DBL_DECIMAL_DIG);
}

static inline rredis_arg rredis_arg_of_long_double_(long double value) {
  return rredis_arg_of_floating_(value, LDBL_DIG, LDBL_DECIMAL_DIG);
}

static inline rredis_argv_ rredis_argv_of_(const rredis_arg *args, size_t argc) {
  rredis_argv_ made = {{NULL}, {0}};
  size_t i;
  for (i = 0; i < argc; i++) {
    const int is_number = !args[i].str && args[i].digits[0] != '\0';
    made.argv[i] = is_number ? args[i].digits : args[i].str;
    made.lens[i] = args[i].len;
  }
  return made;
}

static inline rredis_status rredis_do_on_client_(const rredis_client *client, rredis_reply **out_reply,
    rredis_error *err, const rredis_arg *args, size_t argc) {
  const rredis_argv_ made = rredis_argv_of_(args, argc);
  return rredis_client_command(client, argc, made.argv, made.lens, out_reply, err);
}

static inline rredis_status rredis_do_on_conn_(rredis_conn *conn, rredis_reply **out_reply,
    rredis_error *err, const rredis_arg *args, size_t argc) {
  const rredis_argv_ made = rredis_argv_of_(args, argc);
  return rredis_conn_command(conn, argc, made.argv, made.lens, out_reply, err);
}

static inline rredis_status rredis_do_on_pipeline_(rredis_pipeline *pipeline, rredis_reply **out_reply,
    rredis_error *err, const rredis_arg *args, size_t argc) {
  const rredis_argv_ made = rredis_argv_of_(args, argc);
  return rredis_pipeline_command(pipeline, argc, made.argv, made.lens, out_reply, err);
}

static inline rredis_status rredis_add_(rredis_pipeline *pipeline, rredis_error *err,
    const rredis_arg *args, size_t argc) {
  const rredis_argv_ made = rredis_argv_of_(args, argc);
  return rredis_pipeline_add(pipeline, argc, made.argv, made.lens, err);
}

static inline rredis_status rredis_send_(rredis_conn *conn, rredis_error *err, const rredis_arg *args,
    size_t argc) {
  const rredis_argv_ made = rredis_argv_of_(args, argc);
  return rredis_conn_send(conn, argc, made.argv, made.lens, err);
}

static inline rredis_status rredis_submit_(rredis_async *handle, void *call_data, rredis_error *err,
    const rredis_arg *args, size_t argc) {
  const rredis_argv_ made = rredis_argv_of_(args, argc);
  return rredis_async_submit(handle, argc, made.argv, made.lens, RREDIS_CALL_DEFAULT, 0, call_data, err);
}

// One argument, and a comma.
#define RREDIS_ARG_(x)                             \
  _Generic((x),                                    \
      char *: rredis_arg_of_text_,                 \
      const char *: rredis_arg_of_text_,           \
      rredis_arg: rredis_arg_of_arg_,              \
      char: rredis_arg_of_int_,                    \
      signed char: rredis_arg_of_int_,             \
      short: rredis_arg_of_int_,                   \
      int: rredis_arg_of_int_,                     \
      long: rredis_arg_of_int_,                    \
      long long: rredis_arg_of_int_,               \
      unsigned char: rredis_arg_of_unsigned_,      \
      unsigned short: rredis_arg_of_unsigned_,     \
      unsigned int: rredis_arg_of_unsigned_,       \
      unsigned long: rredis_arg_of_unsigned_,      \
      unsigned long long: rredis_arg_of_unsigned_, \
      float: rredis_arg_of_float_,                 \
      double: rredis_arg_of_double_,               \
      long double: rredis_arg_of_long_double_)(x),

// The arguments as an array, and how many there are.
#define RREDIS_ARGS_(...) \
  (const rredis_arg[]){RREDIS_EACH_(RREDIS_COUNT_(__VA_ARGS__), __VA_ARGS__)}, RREDIS_COUNT_(__VA_ARGS__)
#define RREDIS_EACH_(count, ...) RREDIS_EACH_OF_(count, __VA_ARGS__)
#define RREDIS_EACH_OF_(count, ...) RREDIS_EACH_##count(__VA_ARGS__)

#define RREDIS_COUNT_(...)                                                                           \
    RREDIS_COUNT_IN_(__VA_ARGS__, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS,  \
    AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS,          \
    AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS,          \
    AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS,          \
    AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS,          \
    AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS, AT_MOST_24_ARGUMENTS,          \
    AT_MOST_24_ARGUMENTS, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, \
    4, 3, 2, 1, 0)
#define RREDIS_COUNT_IN_(                                                                           \
    a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, \
    a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33, a34, a35, a36, a37, a38, a39, a40,  \
    a41, a42, a43, a44, a45, a46, a47, a48, count, ...) count
#define RREDIS_EACH_1(a) RREDIS_ARG_(a)
#define RREDIS_EACH_2(a, ...) RREDIS_ARG_(a) RREDIS_EACH_1(__VA_ARGS__)
#define RREDIS_EACH_3(a, ...) RREDIS_ARG_(a) RREDIS_EACH_2(__VA_ARGS__)
#define RREDIS_EACH_4(a, ...) RREDIS_ARG_(a) RREDIS_EACH_3(__VA_ARGS__)
#define RREDIS_EACH_5(a, ...) RREDIS_ARG_(a) RREDIS_EACH_4(__VA_ARGS__)
#define RREDIS_EACH_6(a, ...) RREDIS_ARG_(a) RREDIS_EACH_5(__VA_ARGS__)
#define RREDIS_EACH_7(a, ...) RREDIS_ARG_(a) RREDIS_EACH_6(__VA_ARGS__)
#define RREDIS_EACH_8(a, ...) RREDIS_ARG_(a) RREDIS_EACH_7(__VA_ARGS__)
#define RREDIS_EACH_9(a, ...) RREDIS_ARG_(a) RREDIS_EACH_8(__VA_ARGS__)
#define RREDIS_EACH_10(a, ...) RREDIS_ARG_(a) RREDIS_EACH_9(__VA_ARGS__)
#define RREDIS_EACH_11(a, ...) RREDIS_ARG_(a) RREDIS_EACH_10(__VA_ARGS__)
#define RREDIS_EACH_12(a, ...) RREDIS_ARG_(a) RREDIS_EACH_11(__VA_ARGS__)
#define RREDIS_EACH_13(a, ...) RREDIS_ARG_(a) RREDIS_EACH_12(__VA_ARGS__)
#define RREDIS_EACH_14(a, ...) RREDIS_ARG_(a) RREDIS_EACH_13(__VA_ARGS__)
#define RREDIS_EACH_15(a, ...) RREDIS_ARG_(a) RREDIS_EACH_14(__VA_ARGS__)
#define RREDIS_EACH_16(a, ...) RREDIS_ARG_(a) RREDIS_EACH_15(__VA_ARGS__)
#define RREDIS_EACH_17(a, ...) RREDIS_ARG_(a) RREDIS_EACH_16(__VA_ARGS__)
#define RREDIS_EACH_18(a, ...) RREDIS_ARG_(a) RREDIS_EACH_17(__VA_ARGS__)
#define RREDIS_EACH_19(a, ...) RREDIS_ARG_(a) RREDIS_EACH_18(__VA_ARGS__)
#define RREDIS_EACH_20(a, ...) RREDIS_ARG_(a) RREDIS_EACH_19(__VA_ARGS__)
#define RREDIS_EACH_21(a, ...) RREDIS_ARG_(a) RREDIS_EACH_20(__VA_ARGS__)
#define RREDIS_EACH_22(a, ...) RREDIS_ARG_(a) RREDIS_EACH_21(__VA_ARGS__)
#define RREDIS_EACH_23(a, ...) RREDIS_ARG_(a) RREDIS_EACH_22(__VA_ARGS__)
#define RREDIS_EACH_24(a, ...) RREDIS_ARG_(a) RREDIS_EACH_23(__VA_ARGS__)

#endif

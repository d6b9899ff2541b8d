// Commands by format: words with spaces between, in which %s is a text, %b bytes and their length, %% a percent sign, and
// everything else a number as printf writes it. %c, %.*s, %zu, %jd and %td are accepted, too.
#include "layer.h"

#include <stdlib.h>
#include <string.h>

// ---- Words ----------------------------------------------------------------------------

static void words_begin(layer_words *words) {
  words->count = words->used = 0;
  words->argv = words->inline_argv;
  words->lens = words->inline_lens;
  words->room = WORDS_INLINE;
  words->bytes = words->inline_bytes;
  words->bytes_room = sizeof words->inline_bytes;
  words->is_open = false;
}

void layer_words_free(layer_words *words) {
  if (words->bytes != words->inline_bytes) free(words->bytes);
  if (words->argv == words->inline_argv) return;
  free(words->argv);
  free(words->lens);
}

// Room for one argument more.
static bool grow_arguments(layer_words *words) {
  size_t room = 2 * words->room;
  const char **argv = malloc(room * sizeof *argv);
  size_t *lens = malloc(room * sizeof *lens);
  if (argv == NULL || lens == NULL) return free(argv), free(lens), false;
  memcpy(lens, words->lens, words->count * sizeof *lens);
  if (words->argv != words->inline_argv) free(words->argv), free(words->lens);
  words->argv = argv;
  words->lens = lens;
  words->room = room;
  return true;
}

// Room for so many bytes more; NULL: there is none.
static char *bytes_for(layer_words *words, size_t len) {
  if (words->bytes_room - words->used < len) {
    if (len > SIZE_MAX / 2 - words->used) return NULL;
    size_t room = 2 * (words->used + len);
    char *bytes = realloc(words->bytes == words->inline_bytes ? NULL : words->bytes, room);
    if (bytes == NULL) return NULL;
    if (words->bytes == words->inline_bytes) memcpy(bytes, words->inline_bytes, words->used);
    words->bytes = bytes;
    words->bytes_room = room;
  }
  return words->bytes + words->used;
}

// So many bytes were added to the argument that is open, or that is opened by them.
static bool added(layer_words *words, size_t len) {
  if (!words->is_open) {
    if (words->count == words->room && !grow_arguments(words)) return false;
    words->lens[words->count++] = 0;
    words->is_open = true;
  }
  words->lens[words->count - 1] += len;
  words->used += len;
  return true;
}

static layer_format add(layer_words *words, const char *text, size_t len) {
  char *bytes = bytes_for(words, len);
  if (bytes == NULL) return FORMAT_MEMORY;
  if (len > 0) memcpy(bytes, text, len);
  return added(words, len) ? FORMAT_OK : FORMAT_MEMORY;
}

// ---- Values -----------------------------------------------------------------------------

enum { SPEC_MAX = 24 };

typedef enum size_of { OF_INT, OF_LONG, OF_LONG_LONG, OF_SIZE, OF_INTMAX, OF_PTRDIFF } size_of;

// What stands behind a percent sign, as printf reads it.
typedef struct number_spec {
  char text[SPEC_MAX + 1];
  size_of size;
  char conversion;
} number_spec;

// Read a specification, and give what follows it; NULL: it is none.
static const char *read_spec(const char *at, number_spec *spec) {
  const char *from = at++;
  at += strspn(at, "#0-+ ");
  at += strspn(at, "0123456789");
  if (*at == '.') at += 1 + strspn(at + 1, "0123456789");
  const char *size = at;
  at += strspn(at, "hlzjt");
  size_t size_len = (size_t)(at - size);
  if (size_len == 0 || (size_len <= 2 && size[0] == 'h' && size[size_len - 1] == 'h')) spec->size = OF_INT;
  else if (size_len == 1 && *size == 'l') spec->size = OF_LONG;
  else if (size_len == 2 && size[0] == 'l' && size[1] == 'l') spec->size = OF_LONG_LONG;
  else if (size_len == 1 && *size == 'z') spec->size = OF_SIZE;
  else if (size_len == 1 && *size == 'j') spec->size = OF_INTMAX;
  else if (size_len == 1 && *size == 't') spec->size = OF_PTRDIFF;
  else return NULL;
  size_t len = (size_t)(at - from) + 1;
  if (*at == '\0' || len > SPEC_MAX) return NULL;
  memcpy(spec->text, from, len);
  spec->text[len] = '\0';
  spec->conversion = *at;
  return at + 1;
}

// What printf writes for these arguments goes behind the others.
static layer_format print(layer_words *words, const char *format, ...) {
  for (size_t room = 64;;) {
    char *bytes = bytes_for(words, room);
    if (bytes == NULL) return FORMAT_MEMORY;
    va_list ap;
    va_start(ap, format);
    int len = vsnprintf(bytes, room, format, ap);
    va_end(ap);
    if (len < 0) return FORMAT_WRONG;
    if ((size_t)len < room) return added(words, (size_t)len) ? FORMAT_OK : FORMAT_MEMORY;
    room = (size_t)len + 1;
  }
}

// The arguments of the caller, which functions here take one after the other.
typedef struct value_list {
  va_list list;
} value_list;

static layer_format add_number(layer_words *words, const number_spec *spec, value_list *values) {
  if (strchr("diouxX", spec->conversion) != NULL) {
    switch (spec->size) {
      case OF_INT: return print(words, spec->text, va_arg(values->list, int));
      case OF_LONG: return print(words, spec->text, va_arg(values->list, long));
      case OF_LONG_LONG: return print(words, spec->text, va_arg(values->list, long long));
      case OF_SIZE: return print(words, spec->text, va_arg(values->list, size_t));
      case OF_INTMAX: return print(words, spec->text, va_arg(values->list, intmax_t));
      case OF_PTRDIFF: return print(words, spec->text, va_arg(values->list, ptrdiff_t));
    }
  }
  if (spec->size != OF_INT || strchr(spec->text, 'h') != NULL) return FORMAT_WRONG;
  if (strchr("eEfFgGaA", spec->conversion) != NULL) return print(words, spec->text, va_arg(values->list, double));
  if (strcmp(spec->text, "%c") == 0) {
    char byte = (char)va_arg(values->list, int);
    return add(words, &byte, 1);
  }
  return FORMAT_WRONG;
}

// One value, whose percent sign is at `*at`, which then is behind it.
static layer_format add_value(layer_words *words, const char **at, value_list *values) {
  const char *from = *at;
  switch (from[1]) {
    case '%':
      *at += 2;
      return add(words, "%", 1);
    case 's': {
      const char *text = va_arg(values->list, const char *);
      *at += 2;
      return text != NULL ? add(words, text, strlen(text)) : FORMAT_WRONG;
    }
    case 'b': {
      const char *bytes = va_arg(values->list, const char *);
      size_t len = va_arg(values->list, size_t);
      *at += 2;
      return bytes != NULL || len == 0 ? add(words, bytes, len) : FORMAT_WRONG;
    }
    default: break;
  }
  if (strncmp(from + 1, ".*s", 3) == 0) {
    int most = va_arg(values->list, int);
    const char *text = va_arg(values->list, const char *);
    *at += 4;
    if (text == NULL) return FORMAT_WRONG;
    return add(words, text, most < 0 ? strlen(text) : strnlen(text, (size_t)most));
  }
  number_spec spec;
  const char *behind = read_spec(from, &spec);
  if (behind == NULL) return FORMAT_WRONG;
  *at = behind;
  return add_number(words, &spec, values);
}

// ---- Formats ----------------------------------------------------------------------------

layer_format layer_words_of(layer_words *words, const char *format, va_list ap) {
  value_list values;
  layer_format result = FORMAT_OK;
  words_begin(words);
  va_copy(values.list, ap);
  for (const char *at = format; *at != '\0' && result == FORMAT_OK;) {
    if (*at == ' ') {
      words->is_open = false;
      at++;
    } else if (*at == '%' && at[1] != '\0') {
      result = add_value(words, &at, &values);
    } else {
      size_t len = *at == '%' ? 1 : strcspn(at, " %");
      result = add(words, at, len);
      at += len;
    }
  }
  va_end(values.list);
  const char *arg = words->bytes;
  for (size_t i = 0; i < words->count; arg += words->lens[i++]) words->argv[i] = arg;
  return result;
}

long long redisFormatCommandArgv(char **target, int argc, const char **argv, const size_t *argvlen) {
  static const char none[] = "*0\r\n";
  size_t len = sizeof none - 1;
  size_t count = argc > 0 ? (size_t)argc : 0;
  if (target == NULL) return -1;
  if (count > 0 && rredis_command_encode(count, argv, argvlen, NULL, 0, &len, NULL) != RREDIS_OK) return -1;
  char *command = malloc(len + 1);
  if (command == NULL) return -1;
  if (count == 0) {
    memcpy(command, none, len);
  } else if (rredis_command_encode(count, argv, argvlen, command, len, &len, NULL) != RREDIS_OK) {
    free(command);
    return -1;
  }
  command[len] = '\0';
  *target = command;
  return (long long)len;
}

int redisvFormatCommand(char **target, const char *format, va_list ap) {
  layer_words words;
  if (target == NULL) return FORMAT_MEMORY;
  layer_format result = layer_words_of(&words, format, ap);
  long long len = result;
  if (result == FORMAT_OK) len = redisFormatCommandArgv(target, (int)words.count, words.argv, words.lens);
  layer_words_free(&words);
  if (len > INT32_MAX) return free(*target), *target = NULL, FORMAT_MEMORY;
  return (int)len;
}

// Here every failure is -1.
int redisFormatCommand(char **target, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  int len = redisvFormatCommand(target, format, ap);
  va_end(ap);
  return len < 0 ? -1 : len;
}

void redisFreeCommand(char *cmd) { free(cmd); }

// ---- Formatted commands -------------------------------------------------------------------

static int wrong(layer_fault *fault, int err, const char *text) {
  *fault = (layer_fault){err, text};
  return REDIS_ERR;
}

static int append_array(const rredis_reply *command, layer_append_fn *append, void *to, layer_fault *fault) {
  if (command->kind != RREDIS_REPLY_ARRAY || command->len == 0 || command->len > INT32_MAX)
    return wrong(fault, REDIS_ERR_OTHER, "the formatted command is no array of texts");
  const char **argv = malloc(command->len * sizeof *argv);
  size_t *lens = malloc(command->len * sizeof *lens);
  int result = REDIS_OK;
  if (argv == NULL || lens == NULL) result = wrong(fault, REDIS_ERR_OOM, "not enough memory for the command");
  for (size_t i = 0; i < command->len && result == REDIS_OK; i++) {
    if (command->elements[i].kind != RREDIS_REPLY_STRING) result = wrong(fault, REDIS_ERR_OTHER, "the formatted command is no array of texts");
    else argv[i] = command->elements[i].str, lens[i] = command->elements[i].len;
  }
  if (result == REDIS_OK) result = append(to, (int)command->len, argv, lens);
  free(argv);
  free(lens);
  return result;
}

int layer_append_formatted(const char *cmd, size_t len, bool is_one, layer_append_fn *append, void *to, layer_fault *fault) {
  rredis_parser *parser;
  rredis_reply *command;
  rredis_status status;
  int result = is_one ? REDIS_ERR : REDIS_OK;
  if (rredis_parser_new(NULL, &parser, NULL) != RREDIS_OK) return wrong(fault, REDIS_ERR_OOM, "not enough memory for the command");
  if (rredis_parser_feed(parser, cmd, len, NULL) != RREDIS_OK) result = wrong(fault, REDIS_ERR_OOM, "not enough memory for the command");
  do {
    status = rredis_parser_next(parser, &command, NULL);
    if (status != RREDIS_OK) break;
    if (is_one && rredis_parser_unread(parser) != 0) result = wrong(fault, REDIS_ERR_OTHER, "there is more than one formatted command");
    else result = append_array(command, append, to, fault);
    rredis_reply_free(command);
  } while (result == REDIS_OK);
  if (status == RREDIS_ERR_AGAIN && rredis_parser_unread(parser) != 0) result = wrong(fault, REDIS_ERR_OTHER, "the formatted command is cut off");
  else if (status != RREDIS_OK && status != RREDIS_ERR_AGAIN) result = wrong(fault, REDIS_ERR_OTHER, "the formatted command is no array of texts");
  rredis_parser_free(parser);
  return result;
}

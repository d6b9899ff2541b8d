// Random formats and values, formatted here and by the packaged hiredis: formats COUNT SEED. What hiredis formats is formatted
// alike, and what it refuses is refused. Values lie in pieces of memory of their own, so that a sanitizer sees who reads past
// their end.
#include <hiredis/hiredis.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_MAX = 10, FORMAT_MAX = 400 };

typedef int(format_fn)(char **target, const char *format, ...);

static uint64_t state;
static unsigned below(unsigned bound) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(state >> 33) % bound;
}

typedef struct trial {
  char *format;  // as long as it is, and no longer
  size_t format_len;
  long whole[2 * PIECES_MAX];
  double numbers[8];
  size_t wholes, reals;
  void *owned[2 * PIECES_MAX];
  size_t owneds;
} trial;

static void put(trial *t, const char *text, size_t len) {
  if (t->format_len + len >= FORMAT_MAX) return;
  memcpy(t->format + t->format_len, text, len);
  t->format_len += len;
}
static void put_one_of(trial *t, const char *bytes) { put(t, bytes + below((unsigned)strlen(bytes)), 1); }

// A text of random bytes, with a NUL at its end where `is_text`, and none before.
static char *value(trial *t, size_t len, int is_text) {
  char *bytes = malloc(len + (is_text ? 1 : 0) + (len == 0 && !is_text));
  for (size_t i = 0; i < len; i++) bytes[i] = (char)(is_text ? 1 + below(255) : below(256));
  if (is_text) bytes[len] = '\0';
  t->owned[t->owneds++] = bytes;
  return bytes;
}

static void put_width(trial *t) {
  for (unsigned i = below(3); i > 0; i--) put_one_of(t, "#0-+ ");
  for (unsigned i = below(3); i > 0; i--) put_one_of(t, "0123456789");
  if (below(3) == 0) {
    put(t, ".", 1);
    for (unsigned i = below(3); i > 0; i--) put_one_of(t, "0123456789");
  }
}

static void put_integer(trial *t) {
  static const char *const sizes[] = {"", "", "", "h", "hh", "l", "ll"};
  unsigned size = below(sizeof sizes / sizeof *sizes);
  put(t, "%", 1);
  put_width(t);
  put(t, sizes[size], strlen(sizes[size]));
  put_one_of(t, "diouxX");
  long wide = (long)(((uint64_t)below(1u << 31) << 33) ^ below(1u << 31));
  t->whole[t->wholes++] = below(2) ? wide : (int)below(200) - 100;
}

static void put_real(trial *t) {
  static const double special[] = {0.0, -0.0, 1.0, 1e300, -1e-300, 0.1, 3.14159265358979, 1.0 / 0.0, 0.0 / 0.0};
  put(t, "%", 1);
  put_width(t);
  put_one_of(t, "eEfFgGaA");
  t->numbers[t->reals++] = below(2) ? special[below(sizeof special / sizeof *special)] : (below(1000000) - 5e5) / 7;
}

static void put_piece(trial *t) {
  char literal[4];
  switch (below(10)) {
    case 0: put(t, "    ", 1 + below(4)); break;
    case 1:
      for (unsigned i = 0; i < sizeof literal; i++) literal[i] = (char)(1 + below(255));
      for (unsigned i = 0; i < sizeof literal; i++) literal[i] = literal[i] == '%' ? 'p' : literal[i];
      put(t, literal, 1 + below(4));
      break;
    case 2: put(t, "%%", 2); break;
    case 3:
    case 4:
      put(t, "%s", 2);
      t->whole[t->wholes++] = (long)value(t, below(20) ? below(30) : below(1000), 1);
      break;
    case 5: {
      size_t len = below(40);
      put(t, "%b", 2);
      t->whole[t->wholes++] = (long)value(t, len, 0);
      t->whole[t->wholes++] = (long)len;
      break;
    }
    case 6:
    case 7: put_integer(t); break;
    case 8:
      if (t->reals < 8) put_real(t);
      break;
    default:
      if (below(8) != 0) put(t, " ", 1);
      else put(t, "%", 1), put_width(t), put_one_of(t, "hlyk!q@wLI"), put_one_of(t, "dsfp ~"), t->whole[t->wholes++] = 7;  // mostly wrong
  }
}

// Whole numbers and pointers are passed in one row, and real ones in another: each side takes the next of its row.
static int formatted(format_fn *by, trial *t, char **target) {
  const long *w = t->whole;
  const double *r = t->numbers;
  return by(target, t->format, w[0], w[1], w[2], w[3], r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], w[4], w[5], w[6], w[7], w[8],
            w[9], w[10], w[11], w[12], w[13], w[14], w[15], w[16], w[17], w[18], w[19]);
}

int main(int argc, char **argv) {
  void *library = dlopen("libhiredis.so", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL || argc != 3) return fprintf(stderr, "formats COUNT SEED, and libhiredis.so\n"), 2;
  format_fn *theirs = (format_fn *)dlsym(library, "redisFormatCommand");
  state = strtoull(argv[2], NULL, 10);
  unsigned long accepted = 0, count = strtoul(argv[1], NULL, 10);
  for (unsigned long i = 0; i < count; i++) {
    trial t = {.format = malloc(FORMAT_MAX)};
    for (unsigned pieces = 1 + below(PIECES_MAX); pieces > 0; pieces--) put_piece(&t);
    if (below(50) == 0) put(&t, "%", 1);
    t.format = realloc(t.format, t.format_len + 1);
    t.format[t.format_len] = '\0';
    char *mine = NULL, *other = NULL;
    int my_len = formatted(redisFormatCommand, &t, &mine), other_len = formatted(theirs, &t, &other);
    accepted += other_len >= 0;
    if (my_len != other_len || (my_len >= 0 && memcmp(mine, other, (size_t)my_len + 1) != 0)) {
      fprintf(stderr, "trial %lu of seed %s: the format '%s' is %d here, and %d there\n", i, argv[2], t.format, my_len, other_len);
      return 1;
    }
    redisFreeCommand(mine);
    free(other);
    for (size_t o = 0; o < t.owneds; o++) free(t.owned[o]);
    free(t.format);
  }
  printf("%lu formats, %lu of them accepted: all alike\n", count, accepted);
  return 0;
}

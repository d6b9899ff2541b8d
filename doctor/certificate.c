// A handshake of TLS 1.2 up to the server's certificate, which stands there in plain bytes, and the few fields of it that a
// person wants to see. Nothing here is trusted, and whatever does not fit ends the look.
#include "certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { WAIT_MS = 2000, ANSWER_MAX = 65536, HELLO_MAX = 512 };

// Bytes that are read from the front.
typedef struct bytes {
  const uint8_t *at;
  size_t len;
} bytes;

static int take(bytes *from, size_t len, bytes *out) {
  if (len > from->len) return 0;
  out->at = from->at;
  out->len = len;
  from->at += len;
  from->len -= len;
  return 1;
}

// A length of so many bytes, and what it is the length of.
static int take_sized(bytes *from, size_t width, bytes *out) {
  bytes head;
  size_t len = 0;
  if (!take(from, width, &head)) return 0;
  for (size_t i = 0; i < width; i++) len = len << 8 | head.at[i];
  return take(from, len, out);
}

// One value of DER: its tag, and what is in it.
static int take_value(bytes *from, uint8_t *tag, bytes *out) {
  bytes head;
  if (!take(from, 2, &head)) return 0;
  *tag = head.at[0];
  if (head.at[1] < 128) return take(from, head.at[1], out);
  return head.at[1] >= 129 && head.at[1] <= 131 && take_sized(from, head.at[1] & 127u, out);
}

// The common name of a distinguished name.
static void read_name(bytes name, char *out, size_t room) {
  static const uint8_t common[] = {0x55, 0x04, 0x03};
  bytes set, pair, id, text;
  uint8_t tag;
  snprintf(out, room, "no common name");
  while (take_value(&name, &tag, &set)) {
    if (!take_value(&set, &tag, &pair) || !take_value(&pair, &tag, &id) || !take_value(&pair, &tag, &text)) return;
    if (id.len != sizeof common || memcmp(id.at, common, sizeof common) != 0) continue;
    size_t len = text.len < room - 1 ? text.len : room - 1;
    for (size_t i = 0; i < len; i++) out[i] = text.at[i] >= ' ' && text.at[i] < 127 ? (char)text.at[i] : '?';
    out[len] = '\0';
  }
}

// YYMMDDHHMMSSZ, or with a year of four digits.
static int read_time(uint8_t tag, bytes text, certificate *out) {
  int parts[6], at = 0;
  for (int i = 0; i < 6; i++) {
    const int digits = i == 0 && tag == 0x18 ? 4 : 2;
    parts[i] = 0;
    for (int j = 0; j < digits; j++, at++) {
      if ((size_t)at >= text.len || text.at[at] < '0' || text.at[at] > '9') return 0;
      parts[i] = parts[i] * 10 + (text.at[at] - '0');
    }
  }
  if (tag == 0x17) parts[0] += parts[0] < 50 ? 2000 : 1900;
  // Days since 1970, by the calendar that began in a March.
  const long year = parts[0] - (parts[1] <= 2), month = (parts[1] + 9) % 12;
  const long days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + parts[2] - 1 - 719468;
  snprintf(out->until, sizeof out->until, "%04d-%02d-%02d %02d:%02d UTC", parts[0], parts[1], parts[2], parts[3], parts[4]);
  out->days = (double)days + (parts[3] * 60 + parts[4]) / 1440.0 - (double)time(NULL) / 86400.0;
  return 1;
}

static int read_certificate(bytes der, certificate *out) {
  bytes whole, body, part, issuer, validity, begin, end, subject;
  uint8_t tag;
  if (!take_value(&der, &tag, &whole) || !take_value(&whole, &tag, &body) || !take_value(&body, &tag, &part)) return 0;
  // The version, where there is one; then the number, and how it is signed.
  if (tag == 0xa0 && !take_value(&body, &tag, &part)) return 0;
  if (!take_value(&body, &tag, &part) || !take_value(&body, &tag, &issuer) || !take_value(&body, &tag, &validity)) return 0;
  if (!take_value(&body, &tag, &subject)) return 0;
  read_name(issuer, out->issuer, sizeof out->issuer);
  read_name(subject, out->subject, sizeof out->subject);
  return take_value(&validity, &tag, &begin) && take_value(&validity, &tag, &end) && read_time(tag, end, out);
}

// ---- The handshake ----------------------------------------------------------------------------------------------------

static size_t put(uint8_t *to, size_t at, const void *from, size_t len) {
  memcpy(to + at, from, len);
  return at + len;
}

static void put_len(uint8_t *hello, size_t place, size_t end) {
  hello[place] = (uint8_t)((end - place - 2) >> 8);
  hello[place + 1] = (uint8_t)((end - place - 2) & 255);
}

static size_t greeting(const char *host, uint8_t *hello) {
  // A record, a ClientHello, TLS 1.2, and 32 bytes that need not be secret: nothing will be.
  static const uint8_t begin[] = {22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};
  static const uint8_t suites[] = {0, 0, 22, 0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc, 0xa8, 0, 0x9c, 0, 0x9d,
      0xc0, 0x13, 0xc0, 0x14, 0, 0x2f, 1, 0};
  static const uint8_t groups[] = {0, 10, 0, 8, 0, 6, 0, 29, 0, 23, 0, 24};
  static const uint8_t points[] = {0, 11, 0, 2, 1, 0};
  static const uint8_t signatures[] = {0, 13, 0, 22, 0, 20, 4, 3, 8, 7, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1, 2, 1};
  const size_t name = strlen(host);
  uint8_t address[16];
  const int is_name = inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1;
  size_t at = put(hello, 0, begin, sizeof begin);
  for (uint8_t i = 0; i < 32; i++) hello[at++] = (uint8_t)(i * 37 + 11);
  at = put(hello, at, suites, sizeof suites);
  const size_t extensions = at;
  at += 2;
  if (is_name && name <= 255) {
    const uint8_t head[] = {0, 0, 0, (uint8_t)(name + 5), 0, (uint8_t)(name + 3), 0, 0, (uint8_t)name};
    if (name <= 250) at = put(hello, put(hello, at, head, sizeof head), host, name);
  }
  at = put(hello, at, groups, sizeof groups);
  at = put(hello, at, points, sizeof points);
  at = put(hello, at, signatures, sizeof signatures);
  put_len(hello, extensions, at);
  put_len(hello, 3, at);
  put_len(hello, 7, at);
  return at;
}

// Wait for bytes, and read them behind those that are there. 0: none came.
static size_t more(int fd, uint8_t *answer, size_t len, long until_ms) {
  struct timespec now;
  struct pollfd entry = {fd, POLLIN, 0};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const long left = until_ms - (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
  if (left <= 0 || len == ANSWER_MAX || (poll(&entry, 1, (int)left) < 0 && errno != EINTR)) return 0;
  const ssize_t got = recv(fd, answer + len, ANSWER_MAX - len, 0);
  return got > 0 ? (size_t)got : 0;
}

// The first certificate of a whole message of certificates among these records. -1: more must come; 0: there is none.
static int first_certificate(const uint8_t *answer, size_t len, bytes *out) {
  static uint8_t messages[ANSWER_MAX];
  bytes records = {answer, len}, record, head, rest, message, list;
  size_t filled = 0;
  while (records.len >= 5) {
    if (!take(&records, 3, &head)) return 0;
    if (head.at[0] != 22 || head.at[1] != 3) return 0;
    if (!take_sized(&records, 2, &record)) break;
    filled = put(messages, filled, record.at, record.len);
  }
  rest.at = messages, rest.len = filled;
  while (take(&rest, 1, &head)) {
    if (!take_sized(&rest, 3, &message)) return -1;
    if (head.at[0] == 11) return take_sized(&message, 3, &list) && take_sized(&list, 3, out);
  }
  return -1;
}

int certificate_of(int fd, const char *host, certificate *out) {
  static uint8_t answer[ANSWER_MAX];
  uint8_t hello[HELLO_MAX];
  struct timespec now;
  bytes der;
  size_t len = 0, got;
  int found;
  const size_t size = greeting(host, hello);
  clock_gettime(CLOCK_MONOTONIC, &now);
  const long until_ms = (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000) + WAIT_MS;
  if (send(fd, hello, size, MSG_NOSIGNAL) != (ssize_t)size) return 0;
  while ((got = more(fd, answer, len, until_ms)) > 0) {
    len += got;
    if ((found = first_certificate(answer, len, &der)) >= 0) return found && read_certificate(der, out);
  }
  return 0;
}

// A GET through rredis.hpp, beside that of C in calls.c: what its types, exceptions and ownership cost.

#include <rredis.hpp>

extern "C" void cplusplus_open(const char *place);
extern "C" std::size_t cplusplus_get(const char *key);

static const rredis::client *client;

extern "C" void cplusplus_open(const char *place) {
  const std::string where = place;
  static const rredis::client made((where[0] == 'u' ? "unix://" : "redis://127.0.0.1:") + where.substr(where.find(':') + 1));
  client = &made;
}

extern "C" std::size_t cplusplus_get(const char *key) {
  const rredis::reply value = client->command("GET", key);
  return value.text().size();
}

// An exception must not leave a function that librredis calls. One that does ends the process, with a sentence, and never
// goes on with a lock held or a connection half read. The library's word for it stands on stderr: this is the one time.
#include <rredis.h>

#include <cstdlib>
#include <stdexcept>

static rredis_status throws(void *, void *, size_t, const char *const *, const size_t *, const rredis_reply *, rredis_reply **,
    rredis_error *) {
  throw std::runtime_error("out of a callback");
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  rredis_options *options = rredis_options_new();
  rredis_options_set_int(options, RREDIS_OPTION_PORT, std::atoi(argv[2]), nullptr);
  rredis_options_set_callback(options, "PING", 4, throws, nullptr, nullptr, nullptr);
  rredis_client *client = nullptr;
  if (rredis_client_new(options, &client, nullptr) != RREDIS_OK) return 3;
  const char *ping[] = {"PING"};
  rredis_reply *reply = nullptr;
  try {
    rredis_client_command(client, 1, ping, nullptr, &reply, nullptr);
  } catch (...) {
    return 4;
  }
  return 5;
}

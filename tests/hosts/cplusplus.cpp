// The header in C++: included as it is, callbacks that are lambdas, handles in a unique_ptr.
#include <rredis.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#define CHECK(condition) \
  ((condition) ? (void)0 : (std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), std::exit(1)))

struct Free {
  void operator()(rredis_options *options) const { rredis_options_free(options); }
  void operator()(rredis_client *client) const { rredis_client_free(client); }
  void operator()(rredis_reply *reply) const { rredis_reply_free(reply); }
};
using Options = std::unique_ptr<rredis_options, Free>;
using Client = std::unique_ptr<rredis_client, Free>;
using Reply = std::unique_ptr<rredis_reply, Free>;

static Reply ask(const Client &client, const std::vector<std::string> &args, rredis_error *err) {
  std::vector<const char *> argv;
  std::vector<size_t> argv_len;
  for (const std::string &arg : args) {
    argv.push_back(arg.data());
    argv_len.push_back(arg.size());
  }
  rredis_reply *reply = nullptr;
  rredis_client_command_with(client.get(), argv.size(), argv.data(), argv_len.data(), RREDIS_CALL_DEFAULT, 0, nullptr, &reply, err);
  return Reply(reply);
}

int main(int argc, char **argv) {
  CHECK(argc >= 4);
  rredis_error err = {};
  Options options(rredis_options_new());
  CHECK(rredis_options_set_int(options.get(), RREDIS_OPTION_PORT, std::atoi(argv[2]), &err) == RREDIS_OK);
  rredis_client *made = nullptr;
  CHECK(rredis_client_new(options.get(), &made, &err) == RREDIS_OK);
  Client client(made);

  const std::string binary("a\0b", 3);
  CHECK(ask(client, {"SET", "c:c++", binary}, &err));
  Reply got = ask(client, {"GET", "c:c++"}, &err);
  CHECK(got && std::string(got->str, got->len) == binary);

  int calls = 0;
  CHECK(rredis_client_set_callback(client.get(), "GET", 3,
      [](void *user_data, void *, size_t, const char *const *, const size_t *, const rredis_reply *, rredis_reply **,
          rredis_error *) -> rredis_status {
        ++*static_cast<int *>(user_data);
        return RREDIS_OK;
      }, &calls, nullptr, &err) == RREDIS_OK);
  CHECK(ask(client, {"GET", "c:c++"}, &err) && calls == 1);

  CHECK(!ask(client, {"INCR", "c:c++"}, &err));
  CHECK(err.status == RREDIS_ERR_SERVER && err.outcome == RREDIS_OUTCOME_REFUSED);
  return 0;
}

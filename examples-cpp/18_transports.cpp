// 18. A transport of your own.
//
// The bytes of a client's connections may go through a class of yours. This one is a server in
// itself: it says PONG to all that it hears.
//
// New here: rredis::stream, rredis::address, set_transport
// Run it:   make run-cpp-18

#include <rredis.hpp>

#include <iostream>

class echo : public rredis::stream {
 public:
  std::optional<std::size_t> write(std::string_view bytes, rredis::milliseconds) override {
    // Each command begins with how many arguments it has.
    for (const char each : bytes) said_ += each == '*' ? "+PONG\r\n" : "";
    return bytes.size();
  }
  std::optional<std::size_t> read(char *buffer, std::size_t size, rredis::milliseconds) override {
    if (said_.empty()) return std::nullopt;  // nothing came in time
    const std::size_t count = said_.copy(buffer, size);
    said_.erase(0, count);
    return count;
  }

 private:
  std::string said_;
};

int main() {
  rredis::options options;
  options.set(RREDIS_OPTION_HOST, "nowhere.example").set(RREDIS_OPTION_PROTOCOL, 2);
  options.set_transport([](const rredis::address &to, rredis::milliseconds) {
    std::cout << "connecting to " << to.host << ":" << to.port << "\n";
    return std::make_unique<echo>();
  });
  const rredis::client client(options);
  std::cout << client.command("PING").as<std::string>() << "\n";
}

// Prints:
// connecting to nowhere.example:6379
// PONG

// 16. Around the built-in callback.
//
// librredis gives each command's reply one shape, whatever the server speaks. A callback of yours
// may call that, and make another reply of it: here, to leave out what scores too little.
//
// New here: answer.builtin, rredis::builder
// Run it:   make run-cpp-16

#include <rredis.hpp>

#include <iostream>
#include <vector>

int main() {
  const rredis::client client;
  client.command("ZADD", "page16", 3.5, "tea", 12, "coffee", 27.25, "cocoa");
  client.set_callback("ZRANGE", [](const rredis::answer &answer) {
    const rredis::reply scores = answer.builtin();
    rredis::builder kept;
    kept.open(RREDIS_REPLY_ARRAY);
    for (const rredis::view pair : scores) {
      if (pair[1].as<double>() >= 10) kept.add(pair);
    }
    return kept.end().take();
  });

  using scores = std::vector<std::pair<std::string, double>>;
  for (const auto &[member, score] :
       client.command("ZRANGE", "page16", 0, -1, "WITHSCORES").as<scores>()) {
    std::cout << member << " " << score << "\n";
  }
}

// Prints:
// coffee 12
// cocoa 27.25

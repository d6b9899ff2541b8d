// 12. What runs in the server runs as one.
//
// A script is sent whole once, and then runs by its digest. Its keys come first, and are told
// apart from its other arguments.
//
// New here: rredis::script, rredis::keys for a script
// Run it:   make run-cpp-12

#include <rredis.hpp>

#include <iostream>
#include <vector>

static const rredis::script take(R"(
  local stock = tonumber(redis.call('GET', KEYS[1]) or '0')
  if stock < tonumber(ARGV[1]) then return {false, stock} end
  return {true, redis.call('DECRBY', KEYS[1], ARGV[1])}
)");

int main() {
  const rredis::client client;
  client.command("SET", "page12:tea", 5);
  for (const int wanted : {3, 3}) {
    // true is an integer of 1 in RESP2 and RESP3, and false is NULL.
    const auto [taken, left] = take.run(client, rredis::keys("page12:tea"), wanted)
                                   .as<std::pair<std::optional<int>, int>>();
    std::cout << (taken ? "taken, " : "refused, ") << left << " left\n";
  }

  // The keys may be a range, and a pipeline takes scripts too.
  const std::vector<std::string> keys{"page12:tea"};
  rredis::pipeline pipeline(client);
  const rredis::reply replies = pipeline.add(take, keys, 1).add(take, keys, 1).run();
  std::cout << replies[1][1].as<int>() << " left\n";
}

// Prints:
// taken, 2 left
// refused, 2 left
// 0 left

// 02. Whatever you have is an argument.
//
// Texts, numbers, and what holds them: a range, a pair, a tuple or a map is opened, and an empty
// optional is no argument. Nothing is copied, and nothing is counted by hand.
//
// New here: arguments, rredis::bytes
// Run it:   make run-cpp-02

#include <rredis.hpp>

#include <iostream>
#include <map>
#include <vector>

int main() {
  const rredis::client client;
  client.command("DEL", "page02:text", "page02:list", "page02:hash", "page02:photo");

  // A text may hold any bytes. What decides at run time whether there is an argument is optional.
  using namespace std::string_view_literals;
  std::optional<std::pair<const char *, int>> expiry{{"EX", 60}};
  client.command("SET", "page02:text", "a\0b"sv, expiry);
  std::cout << client.command("STRLEN", "page02:text").as<int>() << " bytes, to live for "
            << client.command("TTL", "page02:text").as<int>() << " s\n";

  const std::vector<int> numbers{3, 1, 4};
  std::cout << client.command("RPUSH", "page02:list", numbers, 1.5).as<int>() << " numbers\n";

  const std::map<std::string, double> prices{{"tea", 3.5}, {"coffee", 4}};
  std::cout << client.command("HSET", "page02:hash", prices).as<int>() << " prices\n";

  // A container of bytes is one argument, if you say so.
  const std::vector<unsigned char> photo{0xff, 0xd8, 0x00};
  client.command("SET", "page02:photo", rredis::bytes(photo));
  std::cout << client.command("STRLEN", "page02:photo").as<int>() << " bytes of a photo\n";
}

// Prints:
// 3 bytes, to live for 60 s
// 4 numbers
// 2 prices
// 3 bytes of a photo

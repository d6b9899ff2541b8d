// 03. Read a reply as the type you want.
//
// as<T>() knows numbers, texts, and containers of them; absent is an empty optional. A shape that
// does not fit is a shape_error, never a wrong value. Or look at the tree, with a view.
//
// New here: as<T>() in all its forms, rredis::shape_error, rredis::view, pairs, find
// Run it:   make run-cpp-03

#include <rredis.hpp>

#include <iostream>
#include <map>
#include <vector>

int main() {
  const rredis::client client;
  client.command("DEL", "page03", "page03:hash", "page03:set");
  client.command("SET", "page03", 300);
  client.command("HSET", "page03:hash", "name", "Ada", "age", 36);
  client.command("ZADD", "page03:set", 3.5, "tea", 12, "coffee");

  std::cout << client.command("GET", "page03").as<int>() + 1 << "\n";
  const auto absent = client.command("GET", "page03:absent").as<std::optional<std::string>>();
  std::cout << absent.value_or("it is not there") << "\n";
  try {
    client.command("GET", "page03").as<std::int8_t>();
  } catch (const rredis::shape_error &wrong) {
    std::cout << wrong.what() << "\n";
  }

  using scores = std::vector<std::pair<std::string, double>>;
  for (const auto &[member, score] :
       client.command("ZRANGE", "page03:set", 0, -1, "WITHSCORES").as<scores>()) {
    std::cout << member << " costs " << score << "\n";
  }

  // A reply that has a name can be looked at in place: what is read of it is borrowed from it.
  const rredis::reply ada = client.command("HGETALL", "page03:hash");
  std::cout << ada["name"].text() << " is " << ada["age"].as<int>() << "\n";
  for (const auto &[field, value] : ada.pairs()) {
    std::cout << field.text() << " = " << value.text() << "\n";
  }
  std::cout << (ada.find("email") ? "has" : "has no") << " email\n";
}

// Prints:
// 301
// it is not there
// the integer 300 does not fit into a signed integer of 8 bits
// tea costs 3.5
// coffee costs 12
// Ada is 36
// name = Ada
// age = 36
// has no email

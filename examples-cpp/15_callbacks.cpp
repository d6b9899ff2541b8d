// 15. A reply becomes a struct of yours.
//
// Teach as<T>() a type once. Or let a response callback read every reply to a command, with a
// pointer that the caller passes. What it throws, the call throws.
//
// New here: rredis::reading, set_callback, rredis::answer, call{}.data
// Run it:   make run-cpp-15

#include <rredis.hpp>

#include <iostream>
#include <stdexcept>

struct user {
  std::string name;
  int age = 0;
};

template <>
struct rredis::reading<user> {
  static user read(rredis::view map) { return {map["name"].as<std::string>(), map["age"].as<int>()}; }
};

int main() {
  const rredis::client client;
  client.command("DEL", "page15", "page15:nobody");
  client.command("HSET", "page15", "name", "Ada", "age", 36);
  const user ada = client.command("HGETALL", "page15").as<user>();
  std::cout << ada.name << " is " << ada.age << "\n";

  client.set_callback("HGETALL", [](const rredis::answer &answer) {
    if (answer.reply().size() == 0) throw std::out_of_range(std::string(answer[1]) + " is no user");
    if (user *out = answer.data<user>()) *out = answer.builtin().as<user>();
  });
  user found;
  client.command(rredis::call{}.data(&found), "HGETALL", "page15");
  std::cout << found.name << " is found\n";
  try {
    client.command("HGETALL", "page15:nobody");
  } catch (const std::out_of_range &nobody) {
    std::cout << nobody.what() << "\n";
  }
}

// Prints:
// Ada is 36
// Ada is found
// page15:nobody is no user

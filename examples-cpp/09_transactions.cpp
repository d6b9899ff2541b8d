// 09. All of it or nothing.
//
// transact watches keys and calls a function, which reads and queues. If somebody changes a key
// meanwhile nothing has run, and the function is called again. What it throws, transact throws.
//
// New here: transact, rredis::keys, run_atomic
// Run it:   make run-cpp-09

#include <rredis.hpp>

#include <iostream>
#include <stdexcept>

int main() {
  using namespace std::chrono_literals;
  const rredis::client client;
  rredis::pipeline pipeline(client);
  pipeline.add("SET", "page09:stock", 2).add("SET", "page09:sold", 0).run_atomic();

  int tries = 0;
  const auto sell = [&](rredis::pipeline &tx) {
    const int stock = tx.command("GET", "page09:stock").as<int>();
    std::cout << "there are " << stock << "\n";
    if (stock == 0) throw std::runtime_error("sold out");
    if (++tries == 1) client.command("SET", "page09:stock", 1);  // somebody is faster
    tx.add("SET", "page09:stock", stock - 1).add("INCR", "page09:sold");
  };
  const auto keys = rredis::keys("page09:stock", "page09:sold");
  const rredis::reply done = pipeline.transact(keys, sell, 5s);
  std::cout << "sold " << done[1].as<int>() << "\n";
  try {
    pipeline.transact(keys, sell, 5s);
  } catch (const std::runtime_error &none) {
    std::cout << none.what() << "\n";
  }
}

// Prints:
// there are 2
// there are 1
// sold 1
// there are 0
// sold out

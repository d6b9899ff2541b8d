// Pipelines, transactions, scripts, and connections of one's own; against a server.
#include <thread>
#include <vector>

#include "check.hpp"

using namespace std::chrono_literals;
using namespace std::string_literals;

struct mine {
  int number;
};

static void runs(const rredis::client &c) {
  c.command("DEL", "cpp:n", "cpp:l");
  rredis::pipeline p = c.pipeline();
  for (int i = 0; i < 100; i++) p.add("INCR", "cpp:n");
  p.add("LPUSH", "cpp:n", "no list");
  CHECK(p.size() == 101);
  const rredis::reply many = p.run();
  CHECK(many.size() == 101 && many[99].as<int>() == 100 && many[100].is_error() && p.failed() == 100 && p.size() == 0);
  CHECK(status_of([&] { (void)many[100].as<int>(); }) == RREDIS_ERR_SERVER);
  CHECK(p.add("SET", "cpp:n", 1).add("INCR", "cpp:n").run_atomic()[1].as<int>() == 2 && !p.failed());
  CHECK(p.add("GET", "cpp:n").run_atomic(rredis::call{}.timeout(5s)).as<std::vector<int>>() == std::vector{2});
  CHECK(p.add(rredis::call{}.raw(), "SET", "cpp:n", 3).run(rredis::call{}.idempotent())[0].kind() == RREDIS_REPLY_STATUS);
  CHECK(p.add("PING").try_run().value().size() == 1);
  CHECK(status_of([&] { p.add("SELECT", 1); }) == RREDIS_ERR_ARGUMENT);
  p.add("GET", "cpp:n").clear();
  CHECK(p.size() == 0 && p.run().size() == 0 && p.wake() == 0);
}

static void each_reply(const rredis::client &c) {
  rredis::pipeline p(c);
  std::size_t sum = 0;
  for (int i = 0; i < 10; i++) p.add("ECHO", i);
  p.run_each([&](std::size_t index, rredis::view reply) { sum += index + reply.as<std::size_t>(); });
  CHECK(sum == 90);
  p.add("ECHO", 1).add("ECHO", 2);
  CHECK(throws<mine>([&] { p.run_each([](std::size_t, rredis::view) { throw mine{1}; }); }));
  p.add("ECHO", "x");
  CHECK(throws<rredis::shape_error>([&] {
    p.run_each(rredis::call{}.timeout(5s), [](std::size_t, rredis::view reply) { (void)reply.as<int>(); });
  }));
}

static void transactions(const rredis::client &c) {
  rredis::pipeline p(c);
  c.command("SET", "cpp:stock", 3);
  int tries = 0;
  const rredis::reply done = p.transact("cpp:stock", [&](rredis::pipeline &tx) {
    const int stock = tx.command("GET", "cpp:stock").as<int>();
    if (++tries == 1) c.command("SET", "cpp:stock", 7);
    tx.add("SET", "cpp:stock", stock - 1);
  }, 5s);
  CHECK(tries == 2 && done[0].as<bool>() && c.command("GET", "cpp:stock").as<int>() == 6);

  // What is thrown in there comes out here, and nothing has run.
  const std::vector<std::string> keys{"cpp:stock", "cpp:other"};
  try {
    p.transact(keys, [](rredis::pipeline &tx) {
      tx.add("SET", "cpp:stock", 0);
      throw mine{7};
    });
    CHECK(false);
  } catch (const mine &thrown) {
    CHECK(thrown.number == 7);
  }
  CHECK(status_of([&] { p.transact(keys, [](rredis::pipeline &tx) { tx.command("LPUSH", "cpp:stock", 1); }); }) == RREDIS_ERR_SERVER);
  CHECK(throws<rredis::shape_error>([&] {
    p.transact(rredis::keys("cpp:stock"), [](rredis::pipeline &tx) { (void)tx.command("GET", "cpp:stock").as<bool>(); });
  }));
  CHECK(c.command("GET", "cpp:stock").as<int>() == 6 && p.size() == 0);
  // A try that threw and was repeated is forgotten: the connection is killed under the first.
  tries = 0;
  p.transact(keys, [&](rredis::pipeline &tx) {
    if (++tries > 1) return;
    const auto id = tx.command("CLIENT", "ID").as<long>();
    c.command("CLIENT", "KILL", "ID", id);
    (void)tx.command("GET", "cpp:stock");
  });
  CHECK(tries == 2);

  p.watch("cpp:stock", "cpp:other");
  CHECK(p.command("GET", "cpp:stock").as<int>() == 6);
  c.command("SET", "cpp:stock", 8);
  p.add("SET", "cpp:stock", 9);
  CHECK(status_of([&] { p.run_atomic(); }) == RREDIS_ERR_WATCH && c.command("GET", "cpp:stock").as<int>() == 8);
}

static void scripts(const rredis::client &c) {
  const rredis::script add("return redis.call('INCRBY', KEYS[1], ARGV[1])");
  c.command("SET", "cpp:n", 1);
  CHECK(add.sha().size() == 40 && add.run(c, "cpp:n", 5).as<int>() == 6);
  CHECK(add.run(rredis::call{}.timeout(5s), c, rredis::keys("cpp:n"), 1).as<int>() == 7);
  CHECK(add.try_run(c, std::vector{"cpp:n"s}, 1).value().as<int>() == 8);
  CHECK(add.try_run(c, "cpp:n", "x").error().status() == RREDIS_ERR_SERVER);
  const rredis::script count("return {#KEYS, #ARGV}");
  using counts = std::pair<int, int>;
  CHECK(count.run(c, rredis::keys("a", "b"s, std::vector{"c"s, "d"s}), 1, std::pair(2, 3)).as<counts>() == counts(4, 3));
  CHECK(count.run(c, rredis::keys()).as<counts>() == counts(0, 0) && count.run(c, rredis::keys(), 1).as<counts>() == counts(0, 1));
  rredis::pipeline p(c);
  const rredis::reply replies = p.add(add, "cpp:n", 2).add(rredis::call{}.raw(), count, rredis::keys("a", "b")).run();
  CHECK(replies[0].as<int>() == 10 && replies[1].as<counts>() == counts(2, 0));
}

static void connections(const rredis::client &c) {
  rredis::conn own = c.conn();
  CHECK(own.command("SELECT", 1).as<bool>() && own.command(rredis::call{}.timeout(5s), "SET", "cpp:k", "one").as<bool>());
  CHECK(own.try_command("LPUSH", "cpp:k", 1).error().status() == RREDIS_ERR_SERVER);
  CHECK(own.try_command(rredis::call{}.error_reply(), "LPUSH", "cpp:k", 1)->is_error());
  own.send("DEL", "cpp:k");
  own.send("GET", "cpp:k");
  CHECK(own.receive()->as<int>() == 1 && own.receive(5s)->is_null());
  own.send(rredis::call{}.more(), "SET", "cpp:k", 2);
  CHECK(own.fd() >= 0);
  own.send("GET", "cpp:k");
  CHECK(own.receive()->as<std::string>() == "OK" && own.receive()->as<int>() == 2);
  CHECK(status_of([&] { own.send(rredis::call{}.timeout(1s), "PING"); }) == RREDIS_ERR_ARGUMENT);
  own.send("BLPOP", "cpp:none", 0);
  CHECK(!own.receive(0ms));
  rredis::conn waits(c);
  std::thread wakes([&] { while (waits.wake() == 0) std::this_thread::yield(); });
  CHECK(status_of([&] { waits.command("BLPOP", "cpp:none", 0); }) == RREDIS_ERR_WOKEN);
  wakes.join();
  rredis::conn moved = std::move(own);
  CHECK(!moved.receive(1ms));
}

int main(int, char **argv) {
  const rredis::client c(url(argv));
  runs(c);
  each_reply(c);
  transactions(c);
  scripts(c);
  connections(c);
}

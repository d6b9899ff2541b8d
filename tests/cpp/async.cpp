// A connection in an event loop: completions, failures, pushes, exceptions; against a server.
#include <poll.h>

#include <memory>
#include <vector>

#include "check.hpp"

using namespace std::chrono_literals;
using namespace std::string_literals;

struct mine {
  int number;
};

static void turn(rredis::async &loop) {
  pollfd watched{loop.fd(), POLLIN, 0};
  CHECK(poll(&watched, 1, 10000) == 1);
  loop.run();
}

static void commands(const rredis::client &c) {
  rredis::async loop = c.async();
  std::vector<int> numbers;
  rredis_status refused = RREDIS_OK;
  for (int i = 0; i < 100; i++) {
    loop.submit([&numbers](rredis::result<rredis::reply> r) { numbers.push_back(r.value().as<int>()); }, "ECHO", i);
  }
  loop.submit(rredis::call{}.timeout(5s), [&](rredis::result<rredis::reply> r) { refused = r.error().status(); }, "NOSUCH");
  CHECK(loop.size() == 101 && loop.wants() == RREDIS_READY_READ);
  while (loop.size() > 0) turn(loop);
  CHECK(numbers.size() == 100 && numbers[99] == 99 && refused == RREDIS_ERR_SERVER);
  CHECK(status_of([&] { loop.submit([](rredis::result<rredis::reply>) {}, "SELECT", 1); }) == RREDIS_ERR_ARGUMENT);
  CHECK(loop.size() == 0);

  loop.submit(rredis::call{}.timeout(20ms), [&](rredis::result<rredis::reply> r) { refused = r.error().status(); }, "BLPOP", "cpp:none", 0);
  CHECK(loop.deadline().has_value() || true);
  rredis::async moved = std::move(loop);
  while (moved.size() > 0) turn(moved);
  CHECK(refused == RREDIS_ERR_TIMEOUT);
}

static void a_completion_that_throws(const rredis::client &c) {
  rredis::async loop(c);
  int done = 0;
  loop.submit([](rredis::result<rredis::reply>) { throw mine{5}; }, "PING");
  loop.submit([&](rredis::result<rredis::reply> r) { done += r.has_value(); }, "PING");
  int thrown = 0;
  while (loop.size() > 0) {
    try {
      turn(loop);
    } catch (const mine &each) {
      thrown = each.number;
    }
  }
  CHECK(thrown == 5 && done == 1);
}

static void callbacks(char **argv) {
  const rredis::client c(url(argv));
  int seen = 0;
  c.set_callback("ECHO", [](const rredis::answer &answer) {
    if (int *to = answer.data<int>()) *to = answer.reply().as<int>();
    if (answer[1] == "bad") throw mine{1};
  });
  rredis::async loop(c);
  std::vector<rredis_status> ended;
  const auto keep = [&](rredis::result<rredis::reply> r) { ended.push_back(r ? RREDIS_OK : r.error().status()); };
  loop.submit(rredis::call{}.data(&seen), keep, "ECHO", 17);
  loop.submit(keep, "ECHO", "bad");
  while (loop.size() > 0) turn(loop);
  CHECK(seen == 17 && ended == std::vector<rredis_status>{RREDIS_OK, RREDIS_ERR_CALLBACK});
}

static void pushes(char **argv) {
  rredis::options o(url(argv));
  const rredis::client c(o.set(RREDIS_OPTION_PROTOCOL, 3));
  rredis::async loop(c);
  std::vector<std::string> heard;
  bool is_subscribed = false;
  loop.on_push([&](rredis::view push) { heard.push_back(push[0].as<std::string>()); });
  loop.submit([&](rredis::result<rredis::reply> r) { is_subscribed = r.value().is_null(); }, "SUBSCRIBE", "cpp:news");
  while (loop.size() > 0) turn(loop);
  c.command("PUBLISH", "cpp:news", "x");
  while (heard.size() < 2) turn(loop);
  CHECK(is_subscribed && (heard == std::vector{"subscribe"s, "message"s}));
}

static void failures() {
  const rredis::client nobody("redis://127.0.0.1:1?retry_max=0");
  rredis::async loop(nobody);
  rredis_status told = RREDIS_OK, became = RREDIS_OK;
  loop.on_failure([&](const rredis::error &e) { told = e.status(); });
  loop.submit(rredis::call{}.no_retry(), [&](rredis::result<rredis::reply> r) { became = r.error().status(); }, "PING");
  while (loop.size() > 0) turn(loop);
  CHECK(became == RREDIS_ERR_CONNECT && (told == RREDIS_ERR_CONNECT || told == RREDIS_OK));
  // What never completes is freed.
  auto counted = std::make_shared<int>(0);
  loop.submit([counted](rredis::result<rredis::reply>) {}, "PING");
  CHECK(counted.use_count() == 2);
  loop = rredis::async(nobody);
  CHECK(counted.use_count() == 1);
}

int main(int, char **argv) {
  const rredis::client c(url(argv));
  commands(c);
  a_completion_that_throws(c);
  callbacks(argv);
  pushes(argv);
  failures();
}

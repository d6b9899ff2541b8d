// Subscribers: messages, handlers, gaps, waking; against a server.
#include <poll.h>

#include <atomic>
#include <thread>
#include <vector>

#include "check.hpp"

using namespace std::chrono_literals;
using namespace std::string_literals;

struct mine {
  int number;
};

static void messages(const rredis::client &c) {
  const rredis::pubsub sub = c.pubsub();
  CHECK(!sub.next(0ms));
  sub.subscribe("cpp:news", "cpp:sport"s);
  sub.subscribe(RREDIS_TOPIC_PATTERN, "cpp:p*");
  sub.subscribe(std::vector{"cpp:more"s});
  while (c.command("PUBLISH", "cpp:news", "rain").as<int>() == 0) std::this_thread::yield();
  const auto first = sub.next();
  CHECK(first && first->kind() == "message" && first->channel() == "cpp:news" && first->payload() == "rain");
  CHECK(first->pattern().empty() && !first->is_gap() && first->raw().size() == 4);
  CHECK(sub.publish("cpp:plays", "x") == 1);
  const auto second = sub.next(5s);
  CHECK(second && second->kind() == "pmessage" && second->pattern() == "cpp:p*" && second->channel() == "cpp:plays");

  std::vector<std::string> heard;
  std::thread speaks([&] { sub.publish("cpp:news", "1"), sub.publish("cpp:more", "2"), sub.publish("cpp:sport", "3"); });
  sub.loop([&](const rredis::message &each) { return heard.emplace_back(each.payload()), heard.size() < 2; });
  speaks.join();
  CHECK((heard == std::vector{"1"s, "2"s}) && sub.next(5s)->payload() == "3");

  std::thread wakes([&] { sub.wake(); });
  sub.loop([](const rredis::message &) { return true; });
  wakes.join();
  sub.unsubscribe("cpp:news");
  sub.unsubscribe(RREDIS_TOPIC_PATTERN);
  sub.unsubscribe();
  CHECK(!sub.next(10ms) && sub.fd() >= 0);
}

static void handlers(const rredis::client &c) {
  const rredis::pubsub sub(c);
  std::vector<std::string> heard;
  sub.on("cpp:questions", [&](const rredis::message &m) { heard.emplace_back(m.payload()), sub.publish("cpp:answers", "42"); });
  sub.on(RREDIS_TOPIC_PATTERN, "cpp:a*", [&](const rredis::message &m) { heard.emplace_back(m.payload()), sub.wake(); });
  sub.subscribe("cpp:questions");
  sub.subscribe(RREDIS_TOPIC_PATTERN, "cpp:a*");
  sub.publish("cpp:questions", "what?");
  CHECK(sub.run() && (heard == std::vector{"what?"s, "42"s}));
  CHECK(!sub.run(10ms) && !sub.run(0ms));

  // What a handler throws ends the run or the wait that it is called in, and is thrown there.
  sub.on("cpp:questions", [](const rredis::message &m) { throw mine{static_cast<int>(m.payload().size())}; });
  sub.publish("cpp:questions", "four");
  try {
    sub.run();
    CHECK(false);
  } catch (const mine &thrown) {
    CHECK(thrown.number == 4);
  }
  sub.publish("cpp:questions", "again");
  CHECK(throws<mine>([&] { sub.next(); }));
  CHECK(!sub.next(20ms) && !sub.run(20ms));
  sub.publish("cpp:questions", "now");
  CHECK(throws<mine>([&] {
    for (int i = 0; i < 500; i++) (void)sub.next(10ms);
  }));
  sub.remove_handler("cpp:questions");
  CHECK(status_of([&] { sub.run(0ms); }) == RREDIS_ERR_STATE);
  auto counted = std::make_shared<int>(0);
  sub.on("cpp:other", [counted](const rredis::message &) {});
  CHECK(counted.use_count() == 2);
  sub.on("cpp:other", [](const rredis::message &) {});
  CHECK(counted.use_count() == 1);
}

static void gaps_and_confirmations(char **argv) {
  rredis::options o(url(argv));
  const rredis::client c(o.set(RREDIS_OPTION_PUBSUB_CONFIRMATIONS, 1));
  const rredis::pubsub sub(c);
  sub.subscribe("cpp:news");
  const auto confirmed = sub.next(5s);
  CHECK(confirmed && confirmed->kind() == "subscribe" && confirmed->channel() == "cpp:news" && confirmed->count() == 1);
  c.command("CLIENT", "KILL", "TYPE", "pubsub");
  std::optional<rredis::message> next;
  for (int i = 0; i < 100 && !(next && next->is_gap()); i++) next = sub.next(100ms);
  CHECK(next && next->is_gap() && !next->reason().empty() && next->missing() >= 0ms);
}

static void in_a_loop(const rredis::client &c) {
  rredis::pubsub sub(c);
  sub.subscribe("cpp:news");
  rredis::pubsub moved = std::move(sub);
  while (moved.publish("cpp:news", "x") == 0) std::this_thread::yield();
  bool heard = false;
  for (int i = 0; i < 500 && !heard; i++) {
    pollfd watched{moved.fd(), POLLIN, 0};
    CHECK(poll(&watched, 1, 5000) == 1);
    while (const auto each = moved.next(0ms)) heard = heard || each->payload() == "x";
  }
  CHECK(heard);
}

int main(int, char **argv) {
  const rredis::client c(url(argv));
  messages(c);
  handlers(c);
  gaps_and_confirmations(argv);
  in_a_loop(c);
}

// Clients, pools, options, errors, callbacks and waits that are ended; against a server.
#include <atomic>
#include <chrono>
#include <map>
#include <thread>
#include <unordered_map>
#include <vector>

#include "check.hpp"

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

struct mine {
  int number;
};

static void commands(const rredis::client &c) {
  c.command("DEL", std::vector{"cpp:k"s, "cpp:n"s, "cpp:h"s, "cpp:z"s, "cpp:l"s});
  CHECK(c.command("SET", "cpp:k", "a\0b"sv).as<bool>());
  CHECK(c.command("GET", "cpp:k").as<std::string>() == "a\0b"s);
  CHECK(c.command("GET", "cpp:absent").as<std::optional<std::string>>() == std::nullopt);
  CHECK(c.command("SET", "cpp:k", 1, "NX").is_null() && c.command("SET", "cpp:n", 42, std::optional(std::pair("EX", 60))).as<bool>());
  CHECK(c.command("TTL", "cpp:n").as<int>() > 0 && c.command("GET", "cpp:n").as<int>() == 42);
  c.command("HSET", "cpp:h", std::map<std::string, int>{{"one", 1}, {"two", 2}});
  CHECK((c.command("HGETALL", "cpp:h").as<std::unordered_map<std::string, int>>().at("two") == 2));
  CHECK(c.command("HGETALL", "cpp:h")["one"].as<int>() == 1);
  c.command("ZADD", "cpp:z", 1.5, "a", 0.1, "b");
  const auto scores = c.command("ZRANGE", "cpp:z", 0, -1, "WITHSCORES").as<std::vector<std::pair<std::string, double>>>();
  CHECK(scores.size() == 2 && scores[0] == std::pair("b"s, 0.1));
  c.command("RPUSH", "cpp:l", std::vector{1, 2, 3});
  int sum = 0;
  for (const rredis::view each : c.command("LRANGE", "cpp:l", 0, -1)) sum += each.as<int>();
  CHECK(sum == 6 && c.command("TIME")[0].as<long>() > 1000);
  CHECK(throws<rredis::shape_error>([&] { (void)c.command("INCRBY", "cpp:n", 1000).as<std::int8_t>(); }));
  CHECK(throws<rredis::shape_error>([&] { (void)c.command("GET", "cpp:n").as<std::vector<int>>(); }));
}

static void errors(const rredis::client &c) {
  try {
    c.command("LPUSH", "cpp:n", 1);
    CHECK(false);
  } catch (const rredis::error &e) {
    CHECK(e.status() == RREDIS_ERR_SERVER && e.outcome() == RREDIS_OUTCOME_REFUSED && e.did_not_run() && e.attempts() == 1);
    CHECK(std::string_view(e.what()).substr(0, 9) == "WRONGTYPE" && e.os_error() == 0);
    CHECK(rredis::name(e.status()) == "SERVER" && rredis::name(e.outcome()) == "REFUSED");
  }
  auto good = c.try_command("GET", "cpp:n");
  CHECK(good && good->as<int>() == 1042 && good.value().as<int>() == 1042 && (*good).kind() == RREDIS_REPLY_STRING);
  CHECK(std::move(good).value().as<int>() == 1042 && c.try_command("ECHO", "x").value().as<std::string>() == "x");
  const auto bad = c.try_command("SELECT", 1);
  CHECK(!bad && bad.error().status() == RREDIS_ERR_ARGUMENT && bad.error().outcome() == RREDIS_OUTCOME_NOT_SENT);
  CHECK(status_of([&] { (void)bad.value(); }) == RREDIS_ERR_ARGUMENT);
  CHECK(status_of([&] { (void)c.try_command("SELECT", 1).value(); }) == RREDIS_ERR_ARGUMENT);
  CHECK(status_of([] { rredis::client nobody("redis://127.0.0.1:1"); nobody.command("PING"); }) == RREDIS_ERR_CONNECT);
  CHECK(status_of([] { rredis::client wrong("http://here"); }) == RREDIS_ERR_CONFIG);
}

static void calls(const rredis::client &c) {
  CHECK(status_of([&] { c.command(rredis::call{}.timeout(50ms), "BLPOP", "cpp:none", 0); }) == RREDIS_ERR_TIMEOUT);
  CHECK(c.command(rredis::call{}.raw(), "SET", "cpp:k", 1).kind() == RREDIS_REPLY_STATUS);
  CHECK(c.command(rredis::call{}.error_reply(), "INCR", "cpp:l").is_error());
  CHECK(c.command(rredis::call{}.idempotent().no_retry().alone().timeout(5s), "ECHO", "x").as<std::string>() == "x");
  // With one server there is no replica that it could keep away from.
  CHECK(status_of([&] { c.command(rredis::call{}.primary(), "PING"); }) == RREDIS_ERR_ARGUMENT);
  CHECK(!c.try_command(rredis::call{}.with(1u << 30), "PING"));
  const rredis::call how = rredis::call{}.timeout(1s).raw();
  CHECK(how.timeout_ms() == 1000 && how.flags() == (RREDIS_CALL_TIMEOUT | RREDIS_CALL_RAW) && how.data() == nullptr);
}

static void callbacks(char **argv) {
  const rredis::client c(url(argv));
  struct user {
    std::string name;
    int age = 0;
  } ada;
  c.command("DEL", "cpp:user");
  c.command("HSET", "cpp:user", "name", "Ada", "age", 36);
  c.set_callback("HGETALL", [](const rredis::answer &answer) {
    CHECK(answer.size() == 2 && answer[0] == "HGETALL" && answer[1] == "cpp:user");
    const rredis::reply map = answer.builtin();
    if (user *to = answer.data<user>()) *to = {map["name"].as<std::string>(), map["age"].as<int>()};
  });
  CHECK(c.command(rredis::call{}.data(&ada), "HGETALL", "cpp:user").size() == 4 && ada.name == "Ada" && ada.age == 36);
  c.set_callback("hgetall", [](const rredis::answer &) { return rredis::builder().add(7).take(); });
  CHECK(c.command("HGETALL", "cpp:user").as<int>() == 7 && !c.command(rredis::call{}.raw(), "HGETALL", "cpp:user").is_null());
  c.set_callback("HGETALL", [](const rredis::answer &) { return std::optional<rredis::reply>(); });
  CHECK(c.command("HGETALL", "cpp:user").size() == 4);
  c.remove_callback("HGETALL");
  CHECK(c.command("HGETALL", "cpp:user").kind() == RREDIS_REPLY_MAP);

  // What a callback throws comes out of the call, whatever it is, and once.
  c.set_callback("ECHO", [](const rredis::answer &answer) -> void {
    if (answer[1] == "mine") throw mine{7};
    if (answer[1] == "library's") throw rredis::error(RREDIS_ERR_LIMIT, "too much");
    if (answer[1] == "shape") (void)answer.reply().as<int>();
  });
  try {
    c.command("ECHO", "mine");
    CHECK(false);
  } catch (const mine &thrown) {
    CHECK(thrown.number == 7);
  }
  CHECK(throws<mine>([&] { (void)c.try_command("ECHO", "mine"); }));
  CHECK(throws<rredis::shape_error>([&] { c.command("ECHO", "shape"); }));
  CHECK(said([&] { c.command("ECHO", "library's"); }) == "too much" && c.command("ECHO", "fine").as<std::string>() == "fine");
  auto p = c.pipeline();
  const rredis::reply replies = p.add("ECHO", "mine").add("ECHO", "fine").run();
  CHECK(replies[0].is_error() && replies[0].text().substr(0, 9) == "CALLBACK " && replies[1].text() == "fine");
  CHECK(status_of([&] { c.command("LPUSH", "cpp:user", 1); }) == RREDIS_ERR_SERVER);

  // In a callback this client may be used, and what is thrown in there is caught in there.
  c.set_callback("GET", [&c](const rredis::answer &) {
    CHECK(throws<mine>([&] { c.command("ECHO", "mine"); }));
    return c.command("ECHO", "inner");
  });
  CHECK(c.command("GET", "cpp:k").as<std::string>() == "inner");

  // A function is freed with its last owner.
  auto counted = std::make_shared<int>(0);
  c.set_callback("GET", [counted](const rredis::answer &) { ++*counted; });
  c.command("GET", "cpp:k");
  CHECK(counted.use_count() == 2 && *counted == 1);
  c.remove_callback("GET");
  CHECK(counted.use_count() == 1);
  rredis::options options;
  CHECK(status_of([&] { options.set_callback("", [counted](const rredis::answer &) {}); }) != RREDIS_OK && counted.use_count() == 1);

  CHECK(rredis::callback_name(0) && !rredis::callback_name(100000));
  const rredis::reply flat = rredis::builder().open(RREDIS_REPLY_ARRAY).add("a").add("1").end().take();
  CHECK(rredis::callback_builtin(flat, "HGETALL", "x")["a"].as<int>() == 1);
}

static void options(char **argv) {
  rredis::options o(url(argv));
  o.set(RREDIS_OPTION_CLIENT_NAME, "cpp"s).set(RREDIS_OPTION_COMMAND_TIMEOUT_MS, 2s).set(RREDIS_OPTION_POOL_MAX, 3);
  o.set(RREDIS_OPTION_SHARE, RREDIS_SHARE_NEVER).set(RREDIS_OPTION_BACKOFF_MS, 1500us).set_url(url(argv));
  CHECK(o.get_int(RREDIS_OPTION_COMMAND_TIMEOUT_MS) == 2000 && o.get_int(RREDIS_OPTION_BACKOFF_MS) == 2);
  CHECK(o.get_text(RREDIS_OPTION_CLIENT_NAME) == "cpp" && !o.get_text(RREDIS_OPTION_USERNAME));
  CHECK(o.to_url().find("pool_max=3") != std::string::npos);
  CHECK(status_of([&] { o.set(RREDIS_OPTION_PORT, 70000); }) == RREDIS_ERR_CONFIG);
  CHECK(rredis::client(o).command("CLIENT", "GETNAME").as<std::string>() == "cpp");

  std::vector<std::string> events;
  o.on_event([&events](rredis::view event) { events.push_back(event[0].as<std::string>()); });
  const rredis::client c(o);
  c.command("PING");
  CHECK(events == std::vector{"connected"s});

  // A function without a way to fail: what it throws, the call throws.
  rredis::options loud(url(argv));
  loud.on_event([](rredis::view) { throw mine{1}; });
  CHECK(throws<mine>([&] { rredis::client(loud).command("PING"); }));

  std::vector<std::string> pushes;
  rredis::options tracking(url(argv));
  tracking.on_push([&pushes](rredis::view push) { pushes.push_back(push[0].as<std::string>()); });
  const rredis::client t(tracking);
  CHECK(t.parser() == "fast" && t.servers().kind() == RREDIS_REPLY_ARRAY);

  rredis::options wrong(url(argv));
  wrong.set_credentials([](std::string_view endpoint) {
    CHECK(endpoint.substr(0, 10) == "127.0.0.1:");
    return rredis::credentials{"nobody", "secret"};
  });
  CHECK(status_of([&] { rredis::client(wrong).command("PING"); }) == RREDIS_ERR_AUTH);
  wrong.set_credentials([](std::string_view) -> rredis::credentials { throw mine{2}; });
  CHECK(throws<mine>([&] { rredis::client(wrong).command("PING"); }));
}

static void waits_that_are_ended(char **argv) {
  const rredis::client c(url(argv));
  int token = 0, other = 0;
  std::atomic<rredis_status> ended{RREDIS_OK};
  std::thread waits([&] {
    ended = status_of([&] { c.command(rredis::call{}.data(&token), "BLPOP", "cpp:none", 0); });
  });
  while (c.wake(&token) == 0) CHECK(c.wake(&other) == 0);
  waits.join();
  CHECK(ended == RREDIS_ERR_WOKEN);

  rredis::options o(url(argv));
  int asked = 0;
  o.on_interrupt([&asked] { return ++asked < 2; });
  CHECK(status_of([&] { rredis::client(o).command("BLPOP", "cpp:none", 0); }) == RREDIS_ERR_WOKEN && asked == 2);
  o.on_interrupt([]() -> bool { throw mine{3}; });
  CHECK(throws<mine>([&] { rredis::client(o).command("BLPOP", "cpp:none", 0); }));
}

static void pools(char **argv) {
  rredis::options o(url(argv));
  const rredis::pool pool(o.set(RREDIS_OPTION_POOL_MAX, 4));
  pool.warm(2);
  CHECK(pool.stat(RREDIS_STAT_CONNECTIONS_IDLE) == 2);
  const rredis::client one(pool);
  rredis::options quick(url(argv));
  const rredis::client two(pool, quick.set(RREDIS_OPTION_POOL_MAX, 4).set(RREDIS_OPTION_COMMAND_TIMEOUT_MS, 100ms));
  one.command("PING");
  two.command("PING");
  CHECK(one.stat(RREDIS_STAT_COMMANDS) == 1 && two.stat(RREDIS_STAT_COMMANDS) == 1 && pool.stat(RREDIS_STAT_CONNECTIONS_CREATED) == 2);
  pool.drop_idle();
  CHECK(pool.stat(RREDIS_STAT_CONNECTIONS) == 0);
}

static void threads(const rredis::client &c) {
  std::vector<std::thread> all;
  for (int i = 0; i < 8; i++) {
    all.emplace_back([&c, i] {
      for (int j = 0; j < 50; j++) CHECK(c.command("ECHO", i * 1000 + j).as<int>() == i * 1000 + j);
    });
  }
  for (std::thread &each : all) each.join();
}

static void handles_move(char **argv) {
  rredis::client a(url(argv));
  rredis::client b = std::move(a);
  a = std::move(b);
  CHECK(a.command("ECHO", "moved").as<std::string>() == "moved");
  CHECK(rredis::version_number() == RREDIS_VERSION_OF_HEADER && rredis::version().substr(0, 2) == "8.");
  static_assert(!std::is_copy_constructible_v<rredis::client> && !std::is_copy_constructible_v<rredis::reply>);
  static_assert(std::is_nothrow_move_constructible_v<rredis::client> && std::is_nothrow_move_constructible_v<rredis::reply>);
  static_assert(std::is_nothrow_copy_constructible_v<rredis::error> && std::is_nothrow_copy_constructible_v<rredis::shape_error>);
}

int main(int, char **argv) {
  const rredis::client c(url(argv));
  commands(c);
  errors(c);
  calls(c);
  callbacks(argv);
  options(argv);
  waits_that_are_ended(argv);
  pools(argv);
  threads(c);
  handles_move(argv);
}

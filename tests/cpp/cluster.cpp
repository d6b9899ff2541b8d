// Clients of a cluster, and of one server of it; against a cluster.
#include <map>
#include <set>
#include <vector>

#include "check.hpp"

using namespace std::chrono_literals;
using namespace std::string_literals;

struct place {
  std::string endpoint, role;
  bool has_slots;
};

static std::vector<place> places(const rredis::client &cluster) {
  std::vector<place> all;
  for (const rredis::view server : cluster.servers()) {
    const auto role = server["role"].as<std::string>();
    CHECK(server["of"].is_null() == (role == "primary"));
    all.push_back({server["endpoint"].as<std::string>(), role, server["slots"].size() > 0});
  }
  return all;
}

// Each command goes where its keys are, and of a command for all servers one reply is made.
static void all_of_it(const rredis::client &cluster) {
  for (int i = 0; i < 30; i++) cluster.command("SET", "cpp:" + std::to_string(i), i);
  CHECK(cluster.command("DBSIZE").as<int>() == 30);
  auto pipeline = cluster.pipeline();
  for (int i = 0; i < 30; i++) pipeline.add("GET", "cpp:" + std::to_string(i));
  const auto replies = pipeline.run().as<std::vector<int>>();
  for (int i = 0; i < 30; i++) CHECK(replies[static_cast<std::size_t>(i)] == i);
  CHECK(status_of([&] { cluster.command("DEL", "cpp:1", "cpp:2"); }) == RREDIS_ERR_ARGUMENT);
}

// A client for one server is for that one, and so is all that is made of it.
static void one_server(const rredis::client &cluster) {
  std::set<std::string> ids;
  int keys = 0, primaries = 0;
  for (const place &each : places(cluster)) {
    const rredis::client one = cluster.at(each.endpoint);
    const auto id = one.command("CLUSTER", "MYID").as<std::string>();
    CHECK(ids.insert(id).second);
    const rredis::reply role = one.command("ROLE");
    CHECK((role["role"].text() == "master") == (each.role == "primary") && each.has_slots);
    auto pipeline = one.pipeline();
    CHECK(pipeline.add("CLUSTER", "MYID").run()[0].as<std::string>() == id);
    rredis::conn conn(one);
    CHECK(conn.command("CLUSTER", "MYID").as<std::string>() == id);
    if (each.role != "primary") continue;
    primaries++;
    keys += one.command("DBSIZE").as<int>();
    // It follows no MOVED: some key of the thirty is another server's.
    int moved = 0;
    for (int i = 0; i < 30; i++) {
      const auto got = one.try_command("GET", "cpp:" + std::to_string(i));
      if (!got) CHECK(got.error().status() == RREDIS_ERR_SERVER && std::string_view(got.error().what()).substr(0, 6) == "MOVED ");
      moved += !got;
    }
    CHECK(moved > 0 && moved < 30);
  }
  CHECK(ids.size() == 6 && primaries == 3 && keys == 30);
  CHECK(status_of([&] { (void)cluster.at("127.0.0.1:1"); }) == RREDIS_ERR_ARGUMENT);
}

// A client for a key is for the server that has the key's slot; an empty key has one too.
static void one_key(const rredis::client &cluster) {
  for (const auto &key : {"cpp:1"s, "cpp:2"s, "cpp:3"s, ""s, "nul\0key"s}) {
    const rredis::client one = cluster.at_key(key);
    CHECK(one.command("SET", key, "here").as<bool>());
    rredis::conn conn = one.conn();
    conn.command("WATCH", key);
    conn.command("MULTI");
    conn.command("GET", key);
    CHECK(conn.command("EXEC")[0].as<std::string>() == "here");
  }
}

// Messages reach a subscriber of the cluster, and of one server, whichever server they are published at.
static void subscribers(const rredis::client &cluster) {
  const auto primary = places(cluster)[0].endpoint;
  const rredis::pubsub everywhere = cluster.pubsub();
  const rredis::pubsub at_one = cluster.at(primary).pubsub();
  for (const rredis::pubsub *each : {&everywhere, &at_one}) {
    each->subscribe("cpp:news");
    // Until it is subscribed nobody hears.
    std::optional<rredis::message> heard;
    for (int tries = 0; !heard && tries < 1000; tries++) {
      cluster.command("PUBLISH", "cpp:news", "hello");
      heard = each->next(20ms);
    }
    CHECK(heard && heard->kind() == "message" && heard->payload() == "hello");
  }
}

static void read_from_replicas(const std::string &url) {
  rredis::options options(url);
  const rredis::client reads(options.set(RREDIS_OPTION_READ_FROM, RREDIS_READ_PREFER_REPLICA));
  CHECK(reads.command("SET", "cpp:read", 1).as<bool>());
  CHECK(reads.command(rredis::call{}.primary(), "GET", "cpp:read").as<int>() == 1);
}

int main(int, char **argv) {
  const std::string url = argv[1];
  const rredis::client cluster(url);
  all_of_it(cluster);
  one_server(cluster);
  one_key(cluster);
  subscribers(cluster);
  read_from_replicas(url);
}

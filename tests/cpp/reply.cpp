// What a reply is read as, and what it is not; without a server.
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "check.hpp"

using namespace std::string_literals;
using namespace std::string_view_literals;

static rredis::reply text(std::string_view text, rredis_reply_kind kind = RREDIS_REPLY_STRING) {
  return rredis::builder().add_text(kind, text).take();
}
template <class T>
static rredis::reply one(const T &value) {
  return rredis::builder().add(value).take();
}
template <class... T>
static rredis::reply list(rredis_reply_kind kind, const T &...values) {
  rredis::builder made;
  made.open(kind);
  (made.add(values), ...);
  return made.end().take();
}
static rredis::reply null() { return rredis::builder().add_null().take(); }

/// Whether reading it as a T is a shape_error.
template <class T>
static bool is_no(const rredis::reply &reply) {
  return throws<rredis::shape_error>([&] { (void)reply.as<T>(); });
}

static void integers() {
  CHECK(one(42).as<int>() == 42 && one(-1).as<long long>() == -1 && text("17").as<unsigned>() == 17);
  CHECK(one(true).as<int>() == 1 && one(3.0).as<int>() == 3);
  CHECK(one(127).as<std::int8_t>() == 127 && is_no<std::int8_t>(one(128)) && is_no<std::int8_t>(one(-129)));
  CHECK(one(255).as<std::uint8_t>() == 255 && is_no<std::uint8_t>(one(256)) && is_no<std::uint8_t>(one(-1)));
  CHECK(is_no<std::uint64_t>(one(-1)) && is_no<unsigned>(one(4294967296)));
  CHECK(one(INT64_MIN).as<std::int64_t>() == INT64_MIN && one(INT64_MAX).as<std::uint64_t>() == INT64_MAX);
  CHECK(text("18446744073709551615", RREDIS_REPLY_BIG_NUMBER).as<std::uint64_t>() == UINT64_MAX);
  CHECK(is_no<std::int64_t>(text("18446744073709551615")) && is_no<std::uint64_t>(text("18446744073709551616")));
  CHECK(is_no<int>(text("4x")) && is_no<int>(text("")) && is_no<int>(one(0.5)) && is_no<int>(null()));
  CHECK(is_no<int>(list(RREDIS_REPLY_ARRAY, 1)));
}

static void numbers() {
  CHECK(one(0.5).as<double>() == 0.5 && text("1e3").as<double>() == 1000 && one(2).as<double>() == 2);
  CHECK(one(0.5).as<float>() == 0.5f && one(0.5).as<long double>() == 0.5L);
  CHECK(is_no<float>(one(1e300)) && one(std::numeric_limits<double>::infinity()).as<float>() > 1e38f);
  CHECK(is_no<double>(text("one")) && is_no<double>(null()));
  CHECK(one(true).as<bool>() && !one(0).as<bool>() && one(2).as<bool>() && !one(false).as<bool>());
  CHECK(is_no<bool>(text("1")) && is_no<bool>(null()) && is_no<bool>(one(1.0)));
}

static void texts() {
  const rredis::reply binary = text("a\0b"sv);
  CHECK(binary.as<std::string>() == "a\0b"s && binary.as<std::string_view>() == "a\0b"sv && binary.text() == "a\0b"sv);
  CHECK(text("OK", RREDIS_REPLY_STATUS).as<std::string>() == "OK");
  CHECK(text("").as<std::string>().empty() && is_no<std::string>(null()) && is_no<std::string>(one(1)));
  const rredis::reply verbatim = text("txt:hello", RREDIS_REPLY_VERBATIM);
  CHECK(verbatim.text() == "hello" && verbatim.format() == "txt" && binary.format().empty());
  CHECK(one(1).kind() == RREDIS_REPLY_INTEGER && null().is_null() && !binary.is_null());
}

static void absent() {
  CHECK(null().as<std::optional<int>>() == std::nullopt && one(1).as<std::optional<int>>() == 1);
  CHECK(null().as<std::optional<std::string>>() == std::nullopt);
  CHECK(is_no<std::optional<int>>(text("x")));
  const rredis::reply some = list(RREDIS_REPLY_ARRAY, null(), "a");
  const auto both = some.as<std::vector<std::optional<std::string_view>>>();
  CHECK(both.size() == 2 && !both[0] && both[1] == "a");
}

static void lists() {
  const rredis::reply three = list(RREDIS_REPLY_ARRAY, 1, "2", 3.0);
  CHECK(three.as<std::vector<int>>() == std::vector{1, 2, 3} && three.size() == 3);
  CHECK((three.as<std::set<int>>() == std::set{1, 2, 3}) && (three.as<std::list<int>>() == std::list{1, 2, 3}));
  CHECK(three.as<std::unordered_set<int>>().size() == 3 && three.as<std::vector<double>>()[2] == 3.0);
  CHECK((three.as<std::array<int, 3>>() == std::array{1, 2, 3}) && is_no<std::array<int, 2>>(three));
  CHECK((three.as<std::tuple<int, std::string, double>>() == std::tuple(1, "2"s, 3.0)));
  CHECK((is_no<std::tuple<int, int>>(three)) && (is_no<std::pair<int, int>>(three)));
  CHECK((list(RREDIS_REPLY_ARRAY, "a", 1).as<std::pair<std::string, int>>() == std::pair("a"s, 1)));
  CHECK(list(RREDIS_REPLY_SET, "a").as<std::vector<std::string>>() == std::vector{"a"s});
  CHECK(list(RREDIS_REPLY_ARRAY).as<std::vector<int>>().empty() && list(RREDIS_REPLY_ARRAY, true, 0).as<std::vector<bool>>()[0]);
  CHECK(is_no<std::vector<int>>(null()) && is_no<std::vector<int>>(one(1)) && is_no<std::vector<int>>(list(RREDIS_REPLY_ARRAY, "x")));
  const rredis::reply nested = list(RREDIS_REPLY_ARRAY, list(RREDIS_REPLY_ARRAY, 1, 2), list(RREDIS_REPLY_ARRAY));
  CHECK((nested.as<std::vector<std::vector<int>>>() == std::vector<std::vector<int>>{{1, 2}, {}}));
  CHECK(nested[0][1].as<int>() == 2 && throws<rredis::shape_error>([&] { nested[2]; }));
  CHECK(throws<rredis::shape_error>([&] { nested[1][0]; }) && throws<rredis::shape_error>([] { one(1)[0]; }));
  int sum = 0;
  for (const rredis::view each : nested[0]) sum += each.as<int>();
  CHECK(sum == 3 && nested.as<std::vector<rredis::view>>().size() == 2);
}

static void maps() {
  const rredis::reply map = list(RREDIS_REPLY_MAP, "one", 1, "two", 2);
  CHECK((map.as<std::map<std::string, int>>() == std::map<std::string, int>{{"one", 1}, {"two", 2}}));
  CHECK((map.as<std::unordered_map<std::string, double>>().at("two") == 2.0));
  CHECK((map.as<std::vector<std::pair<std::string_view, int>>>()[1] == std::pair("two"sv, 2)));
  CHECK((is_no<std::vector<std::string>>(map)) && (is_no<std::pair<std::string, int>>(list(RREDIS_REPLY_MAP, "a", 1))));
  CHECK(map["two"].as<int>() == 2 && map.find("one") && !map.find("three"));
  CHECK(throws<rredis::shape_error>([&] { map["three"]; }) && throws<rredis::shape_error>([] { one(1)["a"]; }));
  int sum = 0;
  for (const auto &[key, value] : map.pairs()) sum += value.as<int>() * static_cast<int>(key.text().size());
  CHECK(sum == 9);
  const rredis::reply pairs = list(RREDIS_REPLY_ARRAY, list(RREDIS_REPLY_ARRAY, "a", 1.5), list(RREDIS_REPLY_ARRAY, "b", 2));
  CHECK((pairs.as<std::map<std::string, double>>() == std::map<std::string, double>{{"a", 1.5}, {"b", 2}}));
  CHECK((pairs.as<std::vector<std::pair<std::string, double>>>()[0] == std::pair("a"s, 1.5)));
  CHECK((is_no<std::map<std::string, int>>(list(RREDIS_REPLY_ARRAY, "a", 1))) && (is_no<std::map<std::string, int>>(one(1))));
  CHECK((is_no<std::map<std::string, int>>(null())));
}

struct user {
  std::string name;
  int age;
};

template <>
struct rredis::reading<user> {
  static user read(view reply) { return {reply["name"].as<std::string>(), reply["age"].as<int>()}; }
};

static void types_of_ones_own() {
  CHECK(list(RREDIS_REPLY_MAP, "name", "Ada", "age", 36).as<user>().age == 36);
  const rredis::reply all = list(RREDIS_REPLY_ARRAY, list(RREDIS_REPLY_MAP, "name", "Ada", "age", 36));
  CHECK(all.as<std::vector<user>>()[0].name == "Ada");
}

static void errors() {
  const rredis::reply refused = text("WRONGTYPE not \\ this\n", RREDIS_REPLY_ERROR);
  CHECK(refused.is_error() && refused.text() == "WRONGTYPE not \\ this\n");
  CHECK(status_of([&] { (void)refused.as<int>(); }) == RREDIS_ERR_SERVER);
  CHECK(said([&] { (void)refused.as<std::vector<int>>(); }) == "WRONGTYPE not \\\\ this\\x0a");
  CHECK(status_of([&] { (void)refused.as<std::optional<int>>(); }) == RREDIS_ERR_SERVER);
  CHECK(status_of([&] { (void)refused.as<std::string>(); }) == RREDIS_ERR_SERVER);
  CHECK(status_of([&] { (void)refused.as<bool>(); }) == RREDIS_ERR_SERVER);
  CHECK(status_of([&] { (void)refused.as<double>(); }) == RREDIS_ERR_SERVER);
  CHECK(status_of([&] { (void)text("123", RREDIS_REPLY_ERROR).as<std::uint64_t>(); }) == RREDIS_ERR_SERVER);
  CHECK(status_of([&] { (void)refused.as<std::pair<int, int>>(); }) == RREDIS_ERR_SERVER);
  CHECK(status_of([&] { (void)refused.as<std::map<int, int>>(); }) == RREDIS_ERR_SERVER);
  const rredis::reply long_one = text(std::string(1000, '\x01'), RREDIS_REPLY_ERROR);
  CHECK(said([&] { (void)long_one.as<int>(); }).size() == 236);
  CHECK(said([] { (void)null().as<int>(); }) == "the reply is NULL, and not an integer that fits");
  CHECK(said([] { (void)list(RREDIS_REPLY_ARRAY, 1).as<std::string>(); }) == "the reply is an ARRAY of 1, and not a text");
  CHECK(said([] { (void)one(300).as<std::int8_t>(); }) == "the integer 300 does not fit into a signed integer of 8 bits");
}

static void whole_replies() {
  rredis::builder made;
  made.open_attributes().add("ttl").add(5).end().open(RREDIS_REPLY_ARRAY).add("a").end();
  const rredis::reply reply = made.take();
  CHECK(reply.attributes() && (*reply.attributes())["ttl"].as<int>() == 5 && !reply.attributes(reply[0]));
  rredis::reply copy = reply.clone();
  CHECK(copy[0].text() == "a" && !copy.attributes() && reply[0].clone().as<std::string>() == "a");
  rredis::reply moved = std::move(copy);
  copy = std::move(moved);
  CHECK(copy.size() == 1);
  const std::string_view block = copy.bytes();
  const char *end = block.data() + block.size();
  CHECK(copy[0].text().data() >= block.data() && copy[0].text().data() + 1 < end && block.size() >= 2 * sizeof(rredis_reply));
  rredis_reply_free(copy.release());
  CHECK(status_of([&] { (void)made.take(); }) == RREDIS_ERR_STATE);
  made.add(1).add(2);
  CHECK(status_of([&] { (void)made.take(); }) == RREDIS_ERR_STATE);
  made.add(1).clear();
  made.add_number(0.1, "0.1000");
  const rredis::reply number = made.take();
  CHECK(number.as<double>() == 0.1 && number.text() == "0.1000");
}

int main() {
  integers();
  numbers();
  texts();
  absent();
  lists();
  maps();
  types_of_ones_own();
  errors();
  whole_replies();
}

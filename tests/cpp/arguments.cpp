// What becomes an argument, and how it is written; without a server.
#include <array>
#include <climits>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <new>
#include <set>
#include <unordered_map>

#include "check.hpp"

using namespace std::string_literals;
using namespace std::string_view_literals;

static long allocations;

void *operator new(std::size_t size) {
  allocations++;
  void *made = std::malloc(size);
  if (made == nullptr) throw std::bad_alloc();
  return made;
}
void operator delete(void *block) noexcept { std::free(block); }
void operator delete(void *block, std::size_t) noexcept { std::free(block); }

/// The arguments, each in brackets.
template <class... T>
static std::string written(const T &...args) {
  const rredis::detail::arguments_of<T...> all(args...);
  std::string text;
  for (std::size_t i = 0; i < all.size(); i++) {
    text += "[" + std::string(all.argv()[i], all.lens()[i]) + "]";
  }
  return text;
}

/// A range whose elements are made when they are asked for, as a view of C++20 does.
struct made_up {
  struct iterator {
    int at;
    std::string operator*() const { return "element number " + std::to_string(at) + " of a range"; }
    iterator &operator++() { return ++at, *this; }
    bool operator!=(const iterator &other) const { return at != other.at; }
  };
  iterator begin() const { return {0}; }
  iterator end() const { return {3}; }
};

struct named {
  std::string name;
  operator std::string_view() const { return name; }
};

static void texts() {
  const char *pointer = "pointer";
  char array[16] = "array";
  CHECK(written("literal", pointer, array, "string"s, "view"sv, named{"own"}) ==
        "[literal][pointer][array][string][view][own]");
  CHECK(written("a\0b"sv, "a\0b"s, "") == "[a\0b][a\0b][]"s);
  CHECK(written(std::string_view(), 'x') == "[][x]");
  CHECK(written(std::string(1000, 'x')).size() == 1002);
#if defined(__cpp_char8_t)
  CHECK(written(u8"\u00e9", std::u8string(u8"\u00e9"), std::u8string_view(u8"a")) == "[\xc3\xa9][\xc3\xa9][a]");
#endif
}

static void numbers() {
  CHECK(written(0, -1, INT_MAX, 7u, 8L, 9UL, 10LL) == "[0][-1][2147483647][7][8][9][10]");
  CHECK(written(LLONG_MIN, ULLONG_MAX) == "[-9223372036854775808][18446744073709551615]");
  CHECK(written(static_cast<std::uint8_t>(200), static_cast<std::int8_t>(-5)) == "[200][-5]");
  CHECK(written(0.1, -2.5f, 1e300, 3.0, 1.0 / 3) == "[0.1][-2.5][1e+300][3][0.3333333333333333]");
  CHECK(written(std::numeric_limits<double>::infinity(), -0.0) == "[inf][-0]");
  CHECK(written(std::numeric_limits<double>::denorm_min(), 1.5L) == "[5e-324][1.5]");
  CHECK(written(std::numeric_limits<long double>::lowest()).size() < 34);
}

static void opened() {
  CHECK(written(std::pair("a", 1), std::tuple("b"s, 2, 3.5)) == "[a][1][b][2][3.5]");
  CHECK(written(std::vector{"a"s, "b"s}, std::set{3, 1, 2}, std::list{"x"sv}) == "[a][b][1][2][3][x]");
  CHECK(written(std::array{1, 2}, std::deque{1.5}, std::forward_list{'a', 'b'}.empty() ? 1 : 0) == "[1][2][1.5][0]");
  CHECK(written(std::map<std::string, int>{{"one", 1}, {"two", 2}}) == "[one][1][two][2]");
  CHECK(written(std::unordered_map<std::string, double>{{"a", 0.5}}, "end") == "[a][0.5][end]");
  CHECK(written(std::vector<std::vector<int>>{{1, 2}, {}, {3}}) == "[1][2][3]");
  CHECK(written(std::optional("set"), std::optional<int>(), std::optional(std::pair("EX", 60))) == "[set][EX][60]");
  CHECK(written(std::vector<std::optional<int>>{1, {}, 3}) == "[1][3]");
  const char *const names[] = {"a", "b"};
  CHECK(written("DEL", names) == "[DEL][a][b]");
  CHECK(written(std::vector<std::string>()).empty());
  CHECK(written(made_up()) == "[element number 0 of a range][element number 1 of a range][element number 2 of a range]");
  CHECK(written(rredis::keys("a", "b"s, std::vector{1, 2})) == "[a][b][1][2]");
}

static void bytes() {
  const std::vector<unsigned char> photo{0, 255, 10};
  const std::array<std::byte, 2> raw{std::byte{1}, std::byte{0}};
  CHECK(written(rredis::bytes(photo), raw) == "[\0\xff\n][\1\0]"s);
  CHECK(written(rredis::bytes(photo.data(), 2)) == "[\0\xff]"s);
  const std::vector<int> ints{1};
  CHECK(rredis::bytes(ints).size() == sizeof(int));
}

static void many() {
  std::vector<int> thousand(1000);
  for (int i = 0; i < 1000; i++) thousand[static_cast<std::size_t>(i)] = i;
  const rredis::detail::arguments_of<char[5], std::vector<int>> all("SADD", thousand);
  CHECK(all.size() == 1001);
  for (std::size_t i = 1; i < all.size(); i++) {
    CHECK(std::string(all.argv()[i], all.lens()[i]) == std::to_string(i - 1));
  }
}

static void nothing_is_allocated_for_scalars() {
  const std::string key(100, 'k');
  const long before = allocations;
  const rredis::detail::arguments_of<char[4], std::string, int, double, std::pair<const char *, int>, std::optional<int>>
      all("SET", key, 42, 0.5, std::pair("EX", 60), std::optional<int>());
  CHECK(all.size() == 6 && allocations == before);
}

static void a_null_pointer_is_refused() {
  const char *nothing = nullptr;
  CHECK(status_of([&] { rredis::encode("GET", nothing); }) == RREDIS_ERR_ARGUMENT);
  CHECK(status_of([&] { rredis::encode(std::vector<std::string>()); }) == RREDIS_ERR_ARGUMENT);
}

int main() {
  texts();
  numbers();
  opened();
  bytes();
  many();
  nothing_is_allocated_for_scalars();
  a_null_pointer_is_refused();
}

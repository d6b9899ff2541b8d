// What may be an argument of a command.
//
//   text      std::string, std::string_view, literals, anything that converts to
//             std::string_view, a char; also std::u8string and its like
//   numbers   every integer and floating type except bool; the shortest text of the value
//   bytes     rredis::bytes(pointer, size), rredis::bytes(container); ranges of std::byte
//   opened    ranges, std::pair, std::tuple, maps, std::optional: each element is an
//             argument, and an empty optional is none
//
// bool, nullptr, wide characters and containers of unsigned char do not compile. A char
// pointer that is null is RREDIS_ERR_ARGUMENT.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <tuple>
#include <vector>

#include "error.hpp"

namespace rredis {

/// One argument of bytes, which are borrowed.
inline std::string_view bytes(const void *data, std::size_t size) noexcept {
  return {static_cast<const char *>(data), size};
}

/// The bytes of a container that lies in one piece, such as std::vector<unsigned char>.
template <class Container>
auto bytes(const Container &container) noexcept
    -> decltype(bytes(container.data(), container.size())) {
  return bytes(container.data(), container.size() * sizeof *container.data());
}

/// Several keys, for a script or a transaction. A range of keys, or a single one, can be
/// given as it is.
template <class... Key>
std::tuple<Key...> keys(Key &&...key) {
  return {std::forward<Key>(key)...};
}

namespace detail {

/// The element type of a range, as its iterator gives it; void where T is no range.
template <class T, class = void>
struct element {
  using type = void;
};
template <class T>
struct element<T, std::void_t<decltype(*std::begin(std::declval<const T &>())),
                              decltype(std::end(std::declval<const T &>()))>> {
  using type = decltype(*std::begin(std::declval<const T &>()));
};
template <class T>
using element_t = typename element<T>::type;

template <class T>
constexpr bool is_range = !std::is_void_v<element_t<T>>;

template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

template <class T>
constexpr bool is_tuple = false;
template <class... T>
constexpr bool is_tuple<std::tuple<T...>> = true;
template <class A, class B>
constexpr bool is_tuple<std::pair<A, B>> = true;

template <class T>
constexpr bool is_text = std::is_convertible_v<const T &, std::string_view>;

#if defined(__cpp_char8_t)
template <class T>
constexpr bool is_text8 = std::is_convertible_v<const T &, std::u8string_view>;
template <class T>
constexpr bool is_char8 = std::is_same_v<T, char8_t>;
#else
template <class T>
constexpr bool is_text8 = false;
template <class T>
constexpr bool is_char8 = false;
#endif

/// A character that is neither a text of its own nor a number.
template <class T>
constexpr bool is_wide = std::is_same_v<T, wchar_t> || std::is_same_v<T, char16_t> ||
                         std::is_same_v<T, char32_t> || is_char8<T>;

template <class T>
constexpr bool is_small = std::is_same_v<T, char> || std::is_same_v<T, unsigned char> ||
                          std::is_same_v<T, signed char>;

template <class T>
constexpr bool is_number = std::is_arithmetic_v<T> && !std::is_same_v<T, bool> &&
                           !std::is_same_v<T, char> && !is_wide<T>;

/// A number or a single character as text: no longer than this.
constexpr std::size_t digits_max = 32;
constexpr std::size_t unbounded = static_cast<std::size_t>(-1);
/// More arguments than this are kept on the heap.
constexpr std::size_t on_stack_max = 64;

constexpr std::size_t sum(std::size_t a, std::size_t b) {
  return a == unbounded || b == unbounded || a + b > on_stack_max ? unbounded : a + b;
}

/// How many arguments a T is at most, as far as its type says so.
template <class T>
struct room {
  static constexpr std::size_t value =
      is_text<T> || is_text8<T> || !is_range<T> ? 1 : unbounded;
};
template <class... T>
struct rooms {
  static constexpr std::size_t value = [] {
    std::size_t all = 0;
    ((all = sum(all, room<std::remove_cv_t<std::remove_reference_t<T>>>::value)), ...);
    return all;
  }();
};
template <class... T>
struct room<std::tuple<T...>> : rooms<T...> {};
template <class A, class B>
struct room<std::pair<A, B>> : rooms<A, B> {};
template <class T>
struct room<std::optional<T>> : room<T> {};

/// No argument: tells how many there are before it.
struct count_here {
  std::size_t *count;
};
template <>
struct room<count_here> {
  static constexpr std::size_t value = 0;
};

template <bool Copies, class Sink, class T>
void expand_range(Sink &to, const T &t);

/// Hand each argument that t stands for to `to`. Copies says that t is gone before the
/// command is sent, so that its text has to be copied.
template <bool Copies, class Sink, class T>
void expand(Sink &to, const T &t) {
  static_assert(!std::is_same_v<T, bool>, "Redis has no booleans: say 1 or 0, or a text");
  static_assert(!std::is_same_v<T, std::nullptr_t>, "nullptr is no argument");
  static_assert(!is_wide<T>, "a wide character is no argument: convert it to UTF-8");
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::nullptr_t> || is_wide<T>) {
  } else if constexpr (std::is_same_v<T, count_here>) {
    *t.count = to.size();
  } else if constexpr (std::is_same_v<T, char>) {
    to.written([t](char *at) { return *at = t, at + 1; });
  } else if constexpr (is_number<T>) {
    to.written([t](char *at) { return std::to_chars(at, at + digits_max, t).ptr; });
  } else if constexpr (std::is_pointer_v<T> && is_text<T>) {
    // Refused by the library, in its own words.
    t == nullptr ? to.borrowed({nullptr, 1}) : to.borrowed(t);
  } else if constexpr (is_text<T>) {
    constexpr bool owns = Copies && !std::is_same_v<T, std::string_view>;
    if constexpr (owns) to.copied(t);
    else to.borrowed(t);
#if defined(__cpp_char8_t)
  } else if constexpr (is_text8<T>) {
    const std::u8string_view text = t;
    const std::string_view bytes(reinterpret_cast<const char *>(text.data()), text.size());
    constexpr bool owns = Copies && !std::is_same_v<T, std::u8string_view>;
    if constexpr (owns) to.copied(bytes);
    else to.borrowed(bytes);
#endif
  } else if constexpr (is_optional<T>) {
    if (t.has_value()) expand<Copies>(to, *t);
  } else if constexpr (is_tuple<T>) {
    std::apply([&to](const auto &...each) { (expand<Copies>(to, each), ...); }, t);
  } else {
    expand_range<Copies>(to, t);
  }
}

template <bool Copies, class Sink, class T>
void expand_range(Sink &to, const T &t) {
  static_assert(is_range<T>, "an argument is a text, a number, or a range of such");
  using element = std::remove_cv_t<std::remove_reference_t<element_t<T>>>;
  static_assert(!is_small<element>, "say rredis::bytes(...) for one argument of bytes");
  static_assert(!std::is_same_v<element, T>, "an argument is a text, a number, or a range of such");
  if constexpr (is_small<element> || std::is_same_v<element, T> || !is_range<T>) {
  } else if constexpr (std::is_same_v<element, std::byte>) {
    if constexpr (Copies) to.copied(bytes(std::data(t), std::size(t)));
    else to.borrowed(bytes(std::data(t), std::size(t)));
  } else {
    // An element that the iterator makes, as that of a transform_view, is gone after its turn.
    constexpr bool gone = Copies || !std::is_reference_v<element_t<T>>;
    for (auto &&each : t) expand<gone, Sink, element>(to, each);
  }
}

/// The arguments of one command. Texts are pointed at, and numbers are written here.
template <std::size_t Room>
class arguments {
 public:
  template <class... T>
  explicit arguments(const T &...t) {
    (expand<false, arguments, T>(*this, t), ...);
  }
  arguments(const arguments &) = delete;
  arguments &operator=(const arguments &) = delete;

  std::size_t size() const noexcept { return used_; }
  const char *const *argv() const noexcept { return argv_; }
  const std::size_t *lens() const noexcept { return lens_; }

  void borrowed(std::string_view text) noexcept {
    argv_[used_] = text.data();
    lens_[used_++] = text.size();
  }
  template <class Write>
  void written(Write write) noexcept {
    char *at = digits_[used_];
    borrowed({at, static_cast<std::size_t>(write(at) - at)});
  }

 private:
  std::size_t used_ = 0;
  const char *argv_[Room];
  std::size_t lens_[Room];
  char digits_[Room][digits_max];
};

/// None.
template <>
class arguments<0> {
 public:
  template <class... T>
  explicit arguments(const T &...) noexcept {}

  std::size_t size() const noexcept { return 0; }
  const char *const *argv() const noexcept { return nullptr; }
  const std::size_t *lens() const noexcept { return nullptr; }
};

/// As many as there are at run time, on the heap.
template <>
class arguments<unbounded> {
 public:
  template <class... T>
  explicit arguments(const T &...t) {
    (expand<false, arguments, T>(*this, t), ...);
    for (const auto &[index, at] : own_) argv_[index] = text_.data() + at;
  }
  arguments(const arguments &) = delete;
  arguments &operator=(const arguments &) = delete;

  std::size_t size() const noexcept { return argv_.size(); }
  const char *const *argv() const noexcept { return argv_.data(); }
  const std::size_t *lens() const noexcept { return lens_.data(); }

  void borrowed(std::string_view text) {
    argv_.push_back(text.data());
    lens_.push_back(text.size());
  }
  void copied(std::string_view text) {
    own_.emplace_back(argv_.size(), text_.size());
    text_.append(text);
    borrowed({nullptr, text.size()});
  }
  template <class Write>
  void written(Write write) {
    char digits[digits_max];
    copied({digits, static_cast<std::size_t>(write(digits) - digits)});
  }

 private:
  std::vector<const char *> argv_;
  std::vector<std::size_t> lens_;
  std::string text_;                                      // what is ours of it
  std::vector<std::pair<std::size_t, std::size_t>> own_;  // whose, and where in text_
};

template <class... T>
using arguments_of = arguments<rooms<T...>::value>;

}  // namespace detail
}  // namespace rredis

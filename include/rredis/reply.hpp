// Replies: reply owns one, and view looks at one or at a part of one.
//
//   auto name = client.command("GET", "name").as<std::optional<std::string>>();
//   auto all = client.command("HGETALL", "user:1").as<std::map<std::string, int>>();
//
// as<T>() reads
//
//   integers            INTEGER, BOOL, a whole DOUBLE, a text that is an integer; it must fit
//   float, double       DOUBLE, INTEGER, BOOL, a text that is a number
//   bool                BOOL; INTEGER, of which 0 is false
//   std::string         every kind that has a text; std::string_view borrows it
//   std::optional<T>    NULL is empty; anything else is read as T
//   vector, set, list   ARRAY, SET or PUSH of any length, or the pairs of a MAP
//   std::array<T, N>    ARRAY, SET or PUSH of N elements
//   pair, tuple         ARRAY, SET or PUSH of as many elements
//   map, unordered_map  MAP, or ARRAY of pairs
//   view                any
//
// in any nesting. Every other shape is shape_error. An ERROR is rredis::error.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <tuple>

#include "error.hpp"

namespace rredis {

class reply;
class view;
class fleeting;
template <class T, class = void>
struct reading;

/// A reply or a part of one, borrowed: valid as long as the reply that it is part of.
class view {
 public:
  view(const rredis_reply *node) noexcept : node_(node) {}
  view(const reply &whole) noexcept;
  view(const reply &&whole) = delete;  // it would outlive the reply

  rredis_reply_kind kind() const noexcept { return node_->kind; }
  bool is_null() const noexcept { return node_->kind == RREDIS_REPLY_NULL; }
  bool is_error() const noexcept { return node_->kind == RREDIS_REPLY_ERROR; }

  /// Read it as a value of C++. The top of this file has the types.
  template <class T>
  T as() const {
    return reading<T>::read(*this);
  }

  /// The text; empty where the kind has none.
  std::string_view text() const noexcept {
    return node_->str != nullptr ? std::string_view(node_->str, node_->len) : std::string_view();
  }

  /// The format of a VERBATIM, such as "txt"; empty for any other kind.
  std::string_view format() const noexcept {
    const char *format = rredis_reply_format(node_);
    return format != nullptr ? std::string_view(format) : std::string_view();
  }

  /// How many elements it has; of a MAP, keys and values together. A scalar has none.
  std::size_t size() const noexcept { return has_elements() ? node_->len : 0; }

  /// An element, which must be there.
  view operator[](std::size_t index) const;

  /// The value of a key of a MAP, which must be there.
  view operator[](std::string_view key) const;

  /// The value of a key of a MAP, if it is there.
  std::optional<view> find(std::string_view key) const noexcept {
    const rredis_reply *found = rredis_reply_find(node_, key.data(), key.size());
    return found != nullptr ? std::optional<view>(found) : std::nullopt;
  }

  class iterator;
  iterator begin() const noexcept;
  iterator end() const noexcept;

  /// The keys and values of a MAP, or the elements of an ARRAY of pairs.
  class pair_range;
  pair_range pairs() const;

  /// A copy of it and its children, without attributes.
  reply clone() const;

  bool has_elements() const noexcept { return node_->kind >= RREDIS_REPLY_ARRAY; }
  const rredis_reply *raw() const noexcept { return node_; }

 private:
  const rredis_reply *node_;
};

/// A part of a reply that is gone at the end of the expression: it can only be read there.
class fleeting {
 public:
  explicit fleeting(view part) noexcept : part_(part) {}
  template <class T>
  T as() &&;
  fleeting operator[](std::size_t index) && { return fleeting(part_[index]); }
  fleeting operator[](std::string_view key) && { return fleeting(part_[key]); }
  rredis_reply_kind kind() && noexcept { return part_.kind(); }
  bool is_null() && noexcept { return part_.is_null(); }
  bool is_error() && noexcept { return part_.is_error(); }
  std::size_t size() && noexcept { return part_.size(); }

 private:
  view part_;
};

/// A reply that you own. It moves, and frees what it has.
class reply {
 public:
  /// Take over a reply of C.
  explicit reply(rredis_reply *raw) noexcept : own_(raw) {}

  rredis_reply_kind kind() const noexcept { return own_->kind; }
  bool is_null() const noexcept { return here().is_null(); }
  bool is_error() const noexcept { return here().is_error(); }
  std::size_t size() const noexcept { return here().size(); }
  reply clone() const { return here().clone(); }

  template <class T>
  T as() const & {
    return here().as<T>();
  }
  template <class T>
  T as() && {
    return fleeting(here()).as<T>();
  }

  view operator[](std::size_t index) const & { return here()[index]; }
  view operator[](std::string_view key) const & { return here()[key]; }
  fleeting operator[](std::size_t index) && { return fleeting(here()[index]); }
  fleeting operator[](std::string_view key) && { return fleeting(here()[key]); }

  std::string_view text() const & noexcept { return here().text(); }
  std::string_view format() const & noexcept { return here().format(); }
  std::optional<view> find(std::string_view key) const & noexcept { return here().find(key); }
  view::iterator begin() const & noexcept;
  view::iterator end() const & noexcept;
  view::pair_range pairs() const &;

  // What they give would outlive the reply.
  std::string_view text() && = delete;
  std::string_view format() && = delete;
  std::optional<view> find(std::string_view key) && = delete;
  view::iterator begin() && = delete;
  view::iterator end() && = delete;
  view::pair_range pairs() && = delete;

  /// The RESP3 attributes of a node of this reply: a MAP, if it has any.
  std::optional<view> attributes(view node) const & noexcept {
    const rredis_reply *found = rredis_reply_attributes(own_.get(), node.raw());
    return found != nullptr ? std::optional<view>(found) : std::nullopt;
  }
  std::optional<view> attributes() const & noexcept { return attributes(here()); }
  std::optional<view> attributes(view node) && = delete;
  std::optional<view> attributes() && = delete;

  /// The block of memory that has all nodes and texts of the reply.
  std::string_view bytes() const & noexcept {
    std::size_t size = 0;
    const void *block = rredis_reply_bytes(own_.get(), &size);
    return {static_cast<const char *>(block), size};
  }
  std::string_view bytes() && = delete;

  const rredis_reply *raw() const & noexcept { return own_.get(); }
  /// Give it away, to be freed with rredis_reply_free.
  [[nodiscard]] rredis_reply *release() noexcept { return own_.release(); }

 private:
  view here() const noexcept { return view(own_.get()); }

  detail::handle<rredis_reply, rredis_reply_free> own_;
};

inline view::view(const reply &whole) noexcept : node_(whole.raw()) {}

/// Goes over the elements.
class view::iterator {
 public:
  using value_type = view;
  using reference = view;
  using pointer = void;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;

  iterator() noexcept = default;
  explicit iterator(const rredis_reply *at) noexcept : at_(at) {}
  view operator*() const noexcept { return view(at_); }
  iterator &operator++() noexcept { return ++at_, *this; }
  iterator operator++(int) noexcept { return iterator(at_++); }
  bool operator==(const iterator &other) const noexcept { return at_ == other.at_; }
  bool operator!=(const iterator &other) const noexcept { return at_ != other.at_; }

 private:
  const rredis_reply *at_ = nullptr;
};

namespace detail {

inline const char *kind_name(rredis_reply_kind kind) noexcept {
  switch (kind) {
    case RREDIS_REPLY_NULL: return "NULL";
    case RREDIS_REPLY_INTEGER: return "INTEGER";
    case RREDIS_REPLY_BOOL: return "BOOL";
    case RREDIS_REPLY_STRING: return "STRING";
    case RREDIS_REPLY_STATUS: return "STATUS";
    case RREDIS_REPLY_ERROR: return "ERROR";
    case RREDIS_REPLY_VERBATIM: return "VERBATIM";
    case RREDIS_REPLY_BIG_NUMBER: return "BIG_NUMBER";
    case RREDIS_REPLY_DOUBLE: return "DOUBLE";
    case RREDIS_REPLY_ARRAY: return "ARRAY";
    case RREDIS_REPLY_SET: return "SET";
    case RREDIS_REPLY_MAP: return "MAP";
    case RREDIS_REPLY_PUSH: return "PUSH";
  }
  return "reply of another kind";
}

/// A server's text in one line that is safe on a terminal, as messages of the library are.
inline std::string one_line(std::string_view text, std::size_t max) {
  std::string line;
  for (const char each : text) {
    char piece[5];
    const auto byte = static_cast<unsigned char>(each);
    if (each == '\\') std::snprintf(piece, sizeof piece, "\\\\");
    else if (byte >= 0x20 && byte < 0x7f) std::snprintf(piece, sizeof piece, "%c", each);
    else std::snprintf(piece, sizeof piece, "\\x%02x", static_cast<unsigned>(byte));
    if (line.size() + std::string_view(piece).size() > max) break;
    line += piece;
  }
  return line;
}

/// An ERROR has no value. Whether its command ran is not known here: of a pipeline's
/// elements rredis_reply_attributes and the text may tell.
[[noreturn]] inline void refuse_error(view node) {
  const std::string text = one_line(node.text(), sizeof rredis_error::message - 1);
  throw error(RREDIS_ERR_SERVER, text, RREDIS_OUTCOME_UNKNOWN);
}

[[noreturn]] inline void mismatch(view node, const std::string &wanted) {
  if (node.is_error()) refuse_error(node);
  std::string message = "the reply is ";
  const std::string_view kind = kind_name(node.kind());
  message += kind == "NULL" ? "" : kind == "INTEGER" || kind == "ARRAY" ? "an " : "a ";
  message.append(kind);
  if (node.has_elements()) message += " of " + std::to_string(node.size());
  throw shape_error(message + ", and not " + wanted);
}

/// A text that is an integer, which may be larger than an int64_t.
template <class T>
std::optional<T> from_text(view node) noexcept {
  const std::string_view text = node.text();
  T value{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = end.ec == std::errc() && end.ptr == text.data() + text.size();
  return is_whole && !text.empty() ? std::optional<T>(value) : std::nullopt;
}

/// The elements of a reply that has as many as a tuple.
inline void check_elements(view node, std::size_t wanted) {
  const bool is_list = node.has_elements() && node.kind() != RREDIS_REPLY_MAP;
  if (!is_list || node.size() != wanted) mismatch(node, "a list of " + std::to_string(wanted));
}

template <class T>
constexpr bool is_character = std::is_same_v<T, char> || std::is_same_v<T, wchar_t> ||
#if defined(__cpp_char8_t)
                              std::is_same_v<T, char8_t> ||
#endif
                              std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;

template <class T>
constexpr bool is_pair = false;
template <class A, class B>
constexpr bool is_pair<std::pair<A, B>> = true;

/// What is filled element by element: it has insert(where, value).
template <class T, class = void>
constexpr bool is_container = false;
template <class T>
constexpr bool is_container<
    T, std::void_t<decltype(std::declval<T &>().insert(
           std::declval<T &>().end(), std::declval<typename T::value_type>()))>> = true;

template <class T, class = void>
constexpr bool is_map = false;
template <class T>
constexpr bool is_map<T, std::void_t<typename T::mapped_type>> = true;

/// Whether a T, or a part of it, points into the reply that it was read from.
template <class T>
constexpr bool borrows = false;
template <>
inline constexpr bool borrows<std::string_view> = true;
template <>
inline constexpr bool borrows<view> = true;
template <template <class...> class Of, class... T>
constexpr bool borrows<Of<T...>> = (borrows<T> || ...);
template <class T, std::size_t N>
constexpr bool borrows<std::array<T, N>> = borrows<T>;

}  // namespace detail

inline view view::operator[](std::size_t index) const {
  if (index >= size()) {
    detail::mismatch(*this, "a list with an element " + std::to_string(index));
  }
  return view(node_->elements + index);
}

inline view view::operator[](std::string_view key) const {
  const std::optional<view> found = find(key);
  if (!found) detail::mismatch(*this, "a MAP with the key " + detail::one_line(key, 60));
  return *found;
}

inline view::iterator view::begin() const noexcept { return iterator(node_->elements); }
inline view::iterator view::end() const noexcept {
  return iterator(node_->elements + size());
}

/// Goes over pairs: for (auto [key, value] : map.pairs()).
class view::pair_range {
 public:
  class iterator {
   public:
    using value_type = std::pair<view, view>;
    using reference = value_type;
    using pointer = void;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    iterator() noexcept = default;
    iterator(const rredis_reply *at, bool is_map) noexcept : at_(at), is_map_(is_map) {}
    value_type operator*() const {
      if (is_map_) return {view(at_), view(at_ + 1)};
      detail::check_elements(view(at_), 2);
      return {view(at_->elements), view(at_->elements + 1)};
    }
    iterator &operator++() noexcept { return at_ += is_map_ ? 2 : 1, *this; }
    iterator operator++(int) noexcept {
      const iterator here = *this;
      return ++*this, here;
    }
    bool operator==(const iterator &other) const noexcept { return at_ == other.at_; }
    bool operator!=(const iterator &other) const noexcept { return at_ != other.at_; }

   private:
    const rredis_reply *at_ = nullptr;
    bool is_map_ = false;
  };

  explicit pair_range(view node) noexcept : node_(node) {}
  iterator begin() const noexcept { return {node_.raw()->elements, is_map()}; }
  iterator end() const noexcept { return {node_.raw()->elements + node_.size(), is_map()}; }

 private:
  bool is_map() const noexcept { return node_.kind() == RREDIS_REPLY_MAP; }

  view node_;
};

inline view::pair_range view::pairs() const {
  if (kind() != RREDIS_REPLY_MAP && kind() != RREDIS_REPLY_ARRAY) detail::mismatch(*this, "a MAP");
  return pair_range(*this);
}

inline reply view::clone() const {
  using own = detail::handle<rredis_reply, rredis_reply_free>;
  return reply(detail::made<own>([this](rredis_reply **out, rredis_error *err) {
                 return rredis_reply_clone(node_, out, err);
               }).release());
}

inline view::iterator reply::begin() const & noexcept { return here().begin(); }
inline view::iterator reply::end() const & noexcept { return here().end(); }
inline view::pair_range reply::pairs() const & { return here().pairs(); }

template <class T>
T fleeting::as() && {
  static_assert(!detail::borrows<T>,
                "it would point into a reply that is gone: name the reply, or read a std::string");
  return part_.as<T>();
}

// ---- Reading a reply as a type ------------------------------------------------------

/// How a reply becomes a T. Specialize it for types of yours:
///
///   template <> struct rredis::reading<user> {
///     static user read(rredis::view reply) { return {reply["name"].as<std::string>(), ...}; }
///   };
template <class T, class>
struct reading {
  static_assert(!std::is_same_v<T, T>, "as<T>() has no T of this type: specialize rredis::reading");
  static T read(view);
};

template <>
struct reading<view> {
  static view read(view node) noexcept { return node; }
};

template <>
struct reading<bool> {
  static bool read(view node) {
    const bool has = node.kind() == RREDIS_REPLY_BOOL || node.kind() == RREDIS_REPLY_INTEGER;
    if (!has) detail::mismatch(node, "a bool");
    return node.raw()->integer != 0;
  }
};

template <class T>
struct reading<T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>>> {
  static_assert(!detail::is_character<T>, "read a std::string in place of a character");

  static T read(view node) {
    std::int64_t value = 0;
    if (node.is_error() || rredis_reply_integer(node.raw(), &value, nullptr) != RREDIS_OK) {
      if constexpr (sizeof(T) == sizeof value && std::is_unsigned_v<T>) {
        if (const auto large = detail::from_text<T>(node); large && !node.is_error()) return *large;
      }
      detail::mismatch(node, "an integer that fits");
    }
    if (!fits(value)) {
      const char *sign = std::is_unsigned_v<T> ? "an unsigned" : "a signed";
      throw shape_error("the integer " + std::to_string(value) + " does not fit into " + sign +
                        " integer of " + std::to_string(8 * sizeof(T)) + " bits");
    }
    return static_cast<T>(value);
  }

 private:
  static constexpr bool fits(std::int64_t value) noexcept {
    using limits = std::numeric_limits<T>;
    if constexpr (std::is_unsigned_v<T>) {
      return value >= 0 && static_cast<std::uint64_t>(value) <= limits::max();
    } else {
      return value >= limits::min() && value <= limits::max();
    }
  }
};

template <class T>
struct reading<T, std::enable_if_t<std::is_floating_point_v<T>>> {
  static T read(view node) {
    double value = 0;
    if (node.is_error() || rredis_reply_number(node.raw(), &value, nullptr) != RREDIS_OK) {
      detail::mismatch(node, "a number");
    }
    constexpr double max = static_cast<double>(std::numeric_limits<float>::max());
    if constexpr (std::is_same_v<T, float>) {
      if (std::isfinite(value) && std::fabs(value) > max) {
        throw shape_error("the number " + std::to_string(value) + " does not fit into a float");
      }
    }
    return static_cast<T>(value);
  }
};

template <>
struct reading<std::string_view> {
  static std::string_view read(view node) {
    if (node.is_error() || node.raw()->str == nullptr) detail::mismatch(node, "a text");
    return node.text();
  }
};

template <>
struct reading<std::string> {
  static std::string read(view node) { return std::string(node.as<std::string_view>()); }
};

template <class T>
struct reading<std::optional<T>> {
  static std::optional<T> read(view node) {
    if (node.is_null()) return std::nullopt;
    return node.as<T>();
  }
};

template <class... T>
struct reading<std::tuple<T...>> {
  static std::tuple<T...> read(view node) {
    detail::check_elements(node, sizeof...(T));
    return read_each(node, std::index_sequence_for<T...>());
  }

 private:
  template <std::size_t... I>
  static std::tuple<T...> read_each([[maybe_unused]] view node, std::index_sequence<I...>) {
    return std::tuple<T...>{node[I].template as<T>()...};
  }
};

template <class A, class B>
struct reading<std::pair<A, B>> {
  static std::pair<A, B> read(view node) {
    detail::check_elements(node, 2);
    return {node[0].as<A>(), node[1].as<B>()};
  }
};

template <class T, std::size_t N>
struct reading<std::array<T, N>> {
  static std::array<T, N> read(view node) {
    detail::check_elements(node, N);
    return read_each(node, std::make_index_sequence<N>());
  }

 private:
  template <std::size_t... I>
  static std::array<T, N> read_each([[maybe_unused]] view node, std::index_sequence<I...>) {
    return {node[I].template as<T>()...};
  }
};

template <class T>
struct reading<T, std::enable_if_t<detail::is_container<T> && detail::is_map<T> &&
                                   !std::is_same_v<T, std::string>>> {
  static T read(view node) {
    T map;
    for (const auto &[key, value] : node.pairs()) {
      map.emplace(key.template as<typename T::key_type>(),
                  value.template as<typename T::mapped_type>());
    }
    return map;
  }
};

template <class T>
struct reading<T, std::enable_if_t<detail::is_container<T> && !detail::is_map<T> &&
                                   !std::is_same_v<T, std::string>>> {
  using element = typename T::value_type;

  static T read(view node) {
    T list;
    if (node.kind() == RREDIS_REPLY_MAP) {
      add_pairs(list, node);
    } else {
      if (!node.has_elements()) detail::mismatch(node, "a list");
      for (const view each : node) list.insert(list.end(), each.template as<element>());
    }
    return list;
  }

 private:
  static void add_pairs(T &list, view node) {
    if constexpr (detail::is_pair<element>) {
      using first = std::remove_const_t<typename element::first_type>;
      for (const auto &[key, value] : node.pairs()) {
        list.insert(list.end(), element{key.template as<first>(),
                                        value.template as<typename element::second_type>()});
      }
    } else {
      detail::mismatch(node, "a list");
    }
  }
};

}  // namespace rredis

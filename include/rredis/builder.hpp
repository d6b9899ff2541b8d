// A builder makes a reply, for response callbacks, parsers of yours, and tests.
#pragma once

#include "reply.hpp"

namespace rredis {

/// Makes a reply: auto r = builder().open(RREDIS_REPLY_ARRAY).add(1).add("two").end().take();
/// After a failure every call except take and clear does nothing, and take throws it.
class builder {
 public:
  builder()
      : own_(detail::allocated<handle>(rredis_builder_new())), raw_(own_.get()) {}

  /// A builder of C, borrowed.
  explicit builder(rredis_builder *borrowed) noexcept : raw_(borrowed) {}

  builder &add_null() noexcept { return rredis_builder_add_null(raw_), *this; }

  /// A bool is a BOOL, an integer an INTEGER, a floating number a DOUBLE, a text a STRING,
  /// and a view a copy of a reply.
  template <class T>
  builder &add(const T &value) noexcept {
    if constexpr (std::is_same_v<T, bool>) {
      rredis_builder_add_integer(raw_, RREDIS_REPLY_BOOL, value ? 1 : 0);
    } else if constexpr (std::is_integral_v<T>) {
      static_assert(!detail::is_character<T>, "a single character is no reply: give a text");
      static_assert(std::is_signed_v<T> || sizeof(T) < 8, "an INTEGER is signed: convert it");
      rredis_builder_add_integer(raw_, RREDIS_REPLY_INTEGER, value);
    } else if constexpr (std::is_floating_point_v<T>) {
      rredis_builder_add_number(raw_, static_cast<double>(value), nullptr, 0);
    } else if constexpr (std::is_same_v<T, view> || std::is_same_v<T, reply>) {
      rredis_builder_add_reply(raw_, value.raw());
    } else {
      add_text(RREDIS_REPLY_STRING, value);
    }
    return *this;
  }

  /// A STRING, STATUS, ERROR, VERBATIM or BIG_NUMBER. A VERBATIM's text begins with its format
  /// and a colon: "txt:".
  builder &add_text(rredis_reply_kind kind, std::string_view text) noexcept {
    return rredis_builder_add_text(raw_, kind, text.data(), text.size()), *this;
  }

  /// A DOUBLE with a text of yours.
  builder &add_number(double value, std::string_view text) noexcept {
    return rredis_builder_add_number(raw_, value, text.data(), text.size()), *this;
  }

  /// Open an ARRAY, SET, MAP or PUSH: what is added next is in it, until end.
  builder &open(rredis_reply_kind kind) noexcept {
    return rredis_builder_open(raw_, kind), *this;
  }

  /// Open the attributes of the next node: a map, until end.
  builder &open_attributes() noexcept { return rredis_builder_open_attributes(raw_), *this; }
  builder &end() noexcept { return rredis_builder_end(raw_), *this; }

  /// Take the one whole reply. The builder is empty afterwards, whatever happens.
  reply take() {
    using made = detail::handle<rredis_reply, rredis_reply_free>;
    return reply(detail::made<made>([this](rredis_reply **out, rredis_error *err) {
                   return rredis_builder_take(raw_, out, err);
                 }).release());
  }

  /// Empty it, and forget a failure.
  void clear() noexcept { rredis_builder_clear(raw_); }

  rredis_builder *raw() noexcept { return raw_; }

 private:
  using handle = detail::handle<rredis_builder, rredis_builder_free>;

  handle own_;
  rredis_builder *raw_;
};

}  // namespace rredis

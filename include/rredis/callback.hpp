// Response callbacks: functions of the program that receive each reply to a command.
#pragma once

#include "arguments.hpp"
#include "reply.hpp"

namespace rredis {

/// What a response callback is given: the command, its reply, and the data of the call.
/// Borrowed: valid until the callback returns.
class answer {
 public:
  answer(std::size_t argc, const char *const *argv, const std::size_t *lens,
         const rredis_reply *node, void *data) noexcept
      : argc_(argc), argv_(argv), lens_(lens), node_(node), data_(data) {}

  /// The reply as the server sent it.
  view reply() const noexcept { return view(node_); }

  /// The command's arguments; the first is its name.
  std::size_t size() const noexcept { return argc_; }
  std::string_view operator[](std::size_t index) const noexcept {
    return {argv_[index], lens_[index]};
  }

  /// What the caller gave with call{}.data(pointer), or nullptr.
  template <class T>
  T *data() const noexcept {
    return static_cast<T *>(data_);
  }

  /// The reply in the shape that the built-in callback gives it.
  rredis::reply builtin() const {
    using own = detail::handle<rredis_reply, rredis_reply_free>;
    return rredis::reply(
        detail::made<own>([this](rredis_reply **out, rredis_error *err) {
          return rredis_callback_builtin(argc_, argv_, lens_, node_, out, err);
        }).release());
  }

 private:
  std::size_t argc_;
  const char *const *argv_;
  const std::size_t *lens_;
  const rredis_reply *node_;
  void *data_;
};

/// The name of a command with a built-in callback; nothing where index is past the last.
inline std::optional<std::string_view> callback_name(std::size_t index) noexcept {
  const char *name = rredis_callback_name(index);
  return name != nullptr ? std::optional<std::string_view>(name) : std::nullopt;
}

/// Apply the built-in callback of a command to a reply, as the server sent it.
template <class... T>
reply callback_builtin(view node, const T &...command) {
  using own = detail::handle<rredis_reply, rredis_reply_free>;
  const detail::arguments_of<T...> args(command...);
  return reply(detail::made<own>([&](rredis_reply **out, rredis_error *err) {
                 return rredis_callback_builtin(args.size(), args.argv(), args.lens(),
                                                node.raw(), out, err);
               }).release());
}

namespace detail {

/// call_data of an rredis_async: what became of the command is told to it.
struct completion {
  void *data = nullptr;  // of call{}.data()
};

/// A response callback of C around one of the program.
template <class F>
rredis_status respond(void *f, void *call_data, std::size_t argc, const char *const *argv,
                      const std::size_t *lens, const rredis_reply *node, rredis_reply **out,
                      rredis_error *err) noexcept {
  // An async's call_data is the library's own, with the program's in it.
  if (call_data != nullptr && call_frame::in_async()) {
    call_data = static_cast<completion *>(call_data)->data;
  }
  return guarded(err, RREDIS_ERR_CALLBACK, [&] {
    const answer given(argc, argv, lens, node, call_data);
    F &function = *static_cast<F *>(f);
    using made = std::invoke_result_t<F &, const answer &>;
    if constexpr (std::is_void_v<made>) {
      function(given);
    } else if constexpr (std::is_same_v<made, reply>) {
      *out = function(given).release();
    } else {
      static_assert(std::is_same_v<made, std::optional<reply>>,
                    "a callback gives nothing, a reply, or a std::optional<reply>");
      if (auto replaced = function(given)) *out = replaced->release();
    }
  });
}

/// A function of C that is given a reply, around one of the program that takes As.
template <class As, class F>
void receive(void *f, const rredis_reply *node) noexcept {
  try {
    (*static_cast<F *>(f))(As(node));
  } catch (...) {
    call_frame::keep_whatever();
  }
}

}  // namespace detail
}  // namespace rredis

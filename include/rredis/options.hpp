// Options: where to connect, and how. Functions of the program that serve every client.
#pragma once

#include "callback.hpp"
#include "transport.hpp"

namespace rredis {

/// What a credentials function gives for a new connection.
struct credentials {
  std::optional<std::string> username;
  std::string password;
};

/// Settings for clients, pools and parsers, which copy them. Every option has a default.
///
///   rredis::options o{"redis://db.example?pool_max=16"};
///   o.set(RREDIS_OPTION_CLIENT_NAME, "shop").set(RREDIS_OPTION_COMMAND_TIMEOUT_MS, 2s);
class options {
 public:
  options() : own_(detail::allocated<handle>(rredis_options_new())) {}
  explicit options(std::string_view url) : options() { set_url(url); }

  /// Set an option. Which ones are texts, numbers and times, rredis_option says.
  template <class T>
  options &set(rredis_option option, const T &value) {
    if constexpr (std::is_convertible_v<const T &, std::string_view>) {
      const std::string_view text = value;
      return run([&](rredis_options *own, rredis_error *err) {
        return rredis_options_set_str(own, option, text.data(), text.size(), err);
      });
    } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      static_assert(!std::is_floating_point_v<T>, "an option is a text, an integer or a time");
      return run([&](rredis_options *own, rredis_error *err) {
        return rredis_options_set_int(own, option, static_cast<std::int64_t>(value), err);
      });
    } else {
      return set(option, std::chrono::ceil<milliseconds>(value).count());
    }
  }

  /// Set what a URL says. If any part is wrong, no option is set.
  options &set_url(std::string_view url) {
    return run([&](rredis_options *own, rredis_error *err) {
      return rredis_options_set_url(own, url.data(), url.size(), err);
    });
  }

  /// Set a response callback f(const answer &), which may give a reply in place of the server's.
  /// What it throws, the call that it is called in throws.
  template <class F>
  options &set_callback(std::string_view command, F &&f) {
    using function = std::decay_t<F>;
    return run([&](rredis_options *own, rredis_error *err) {
      return rredis_options_set_callback(own, command.data(), command.size(),
                                         detail::respond<function>,
                                         detail::keep(std::forward<F>(f)),
                                         detail::drop<function>, err);
    });
  }
  options &remove_callback(std::string_view command) {
    return run([&](rredis_options *own, rredis_error *err) {
      return rredis_options_set_callback(own, command.data(), command.size(), nullptr, nullptr,
                                         nullptr, err);
    });
  }

  /// Set a function that gives the credentials of each new connection:
  /// f(std::string_view endpoint) -> rredis::credentials.
  template <class F>
  options &set_credentials(F &&f) {
    using function = std::decay_t<F>;
    return run([&](rredis_options *own, rredis_error *err) {
      return rredis_options_set_credentials(own, give_credentials<function>,
                                            detail::keep(std::forward<F>(f)),
                                            detail::drop<function>, err);
    });
  }

  /// Connect through streams of yours:
  /// f(const rredis::address &, milliseconds timeout) -> std::unique_ptr<rredis::stream>.
  template <class F>
  options &set_transport(F &&f, std::string name = {}) {
    using transport = detail::transport_of<std::decay_t<F>>;
    auto *kept = new transport{std::forward<F>(f), std::move(name)};
    const rredis_transport raw = kept->raw();
    return run([&](rredis_options *own, rredis_error *err) {
      return rredis_options_set_transport(own, &raw, err);
    });
  }

  /// Read replies with readers of yours: f() -> std::unique_ptr<rredis::reader>.
  template <class F>
  options &set_parser(F &&f, std::string name = {}) {
    using parser = detail::parser_of<std::decay_t<F>>;
    auto *kept = new parser{std::forward<F>(f), std::move(name)};
    const rredis_parser_type raw = kept->raw();
    return run([&](rredis_options *own, rredis_error *err) {
      return rredis_options_set_parser(own, &raw, err);
    });
  }

  /// Set a function f(view) that receives each push that the server sends without a request.
  /// It should not throw: the call in which it did throws that, and its reply is lost.
  template <class F>
  options &on_push(F &&f) {
    return set_receiver(rredis_options_on_push, std::forward<F>(f));
  }

  /// Set a function f(view) that receives the events of connections and commands. It should
  /// not throw, as that of on_push.
  template <class F>
  options &on_event(F &&f) {
    return set_receiver(rredis_options_on_event, std::forward<F>(f));
  }

  /// Set a function f() -> bool that is asked while a call waits whether it goes on. Where it
  /// gives false the call fails with RREDIS_ERR_WOKEN; what it throws, the call throws.
  template <class F>
  options &on_interrupt(F &&f) {
    using function = std::decay_t<F>;
    return run([&](rredis_options *own, rredis_error *err) {
      return rredis_options_on_interrupt(own, interrupt<function>,
                                         detail::keep(std::forward<F>(f)),
                                         detail::drop<function>, err);
    });
  }

  /// The number of an option, or its default.
  std::int64_t get_int(rredis_option option) const {
    std::int64_t value = 0;
    detail::run([&](rredis_error *err) {
      return rredis_options_get_int(own_.get(), option, &value, err);
    });
    return value;
  }

  /// The text of an option. Nothing: it is unset, is a secret, or is a number.
  std::optional<std::string> get_text(rredis_option option) const {
    std::size_t size = 0;
    const char *text = rredis_options_get_str(own_.get(), option, &size);
    return text != nullptr ? std::optional<std::string>({text, size}) : std::nullopt;
  }

  /// All options that differ from their defaults, as a URL. Secrets are *** in it.
  std::string to_url() const {
    using made = detail::handle<rredis_reply, rredis_reply_free>;
    const auto text = detail::made<made>([this](rredis_reply **out, rredis_error *err) {
      return rredis_options_to_url(own_.get(), out, err);
    });
    return std::string(view(text.get()).text());
  }

  const rredis_options *raw() const noexcept { return own_.get(); }
  rredis_options *raw() noexcept { return own_.get(); }

 private:
  using handle = detail::handle<rredis_options, rredis_options_free>;

  template <class F>
  options &run(F f) {
    detail::run([&](rredis_error *err) { return f(own_.get(), err); });
    return *this;
  }

  template <class Set, class F>
  options &set_receiver(Set setter, F &&f) {
    using function = std::decay_t<F>;
    return run([&](rredis_options *own, rredis_error *err) {
      return setter(own, detail::receive<view, function>, detail::keep(std::forward<F>(f)),
                    detail::drop<function>, err);
    });
  }

  template <class F>
  static rredis_status give_credentials(void *f, const char *endpoint, std::size_t size,
                                        rredis_builder *into, rredis_error *err) noexcept {
    return detail::guarded(err, RREDIS_ERR_CALLBACK, [&] {
      const credentials given = (*static_cast<F *>(f))(std::string_view(endpoint, size));
      builder made(into);
      given.username ? made.add(*given.username) : made.add_null();
      made.add(given.password);
    });
  }

  template <class F>
  static rredis_status interrupt(void *f) noexcept {
    bool goes_on = false;
    rredis_error ignored;
    const rredis_status status = detail::guarded(
        &ignored, RREDIS_ERR_WOKEN, [&] { goes_on = (*static_cast<F *>(f))(); });
    return status == RREDIS_OK && !goes_on ? RREDIS_ERR_WOKEN : status;
  }

  handle own_;
};

}  // namespace rredis

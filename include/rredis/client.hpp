// Clients, which send commands from any thread, and pools, which clients share.
#pragma once

#include "options.hpp"

namespace rredis {

class async;
class conn;
class pipeline;
class pubsub;

/// How one call is made: client.command(rredis::call{}.timeout(100ms).idempotent(), "GET", key).
class call {
 public:
  /// The time for the whole call. 0 does not wait, and a negative one waits for ever.
  constexpr call timeout(milliseconds time) const noexcept {
    call changed = with(RREDIS_CALL_TIMEOUT);
    changed.timeout_ms_ = time.count();
    return changed;
  }
  /// No response callback: the reply as the server sent it.
  constexpr call raw() const noexcept { return with(RREDIS_CALL_RAW); }
  /// The command may run twice: try it again even when it may have run.
  constexpr call idempotent() const noexcept { return with(RREDIS_CALL_IDEMPOTENT); }
  constexpr call no_retry() const noexcept { return with(RREDIS_CALL_NO_RETRY); }
  /// A server's error is a reply of kind ERROR, and nothing is thrown for it.
  constexpr call error_reply() const noexcept { return with(RREDIS_CALL_ERROR_REPLY); }
  /// Share the connection with no other thread during the call.
  constexpr call alone() const noexcept { return with(RREDIS_CALL_ALONE); }
  /// Send to the primary, whatever RREDIS_OPTION_READ_FROM says.
  constexpr call primary() const noexcept { return with(RREDIS_CALL_PRIMARY); }
  /// More commands follow: queue this one. For conn::send alone.
  constexpr call more() const noexcept { return with(RREDIS_CALL_MORE); }
  /// What the response callback receives, and what client.wake(pointer) ends.
  constexpr call data(void *pointer) const noexcept {
    call changed = *this;
    changed.data_ = pointer;
    return changed;
  }
  /// Any flags of rredis_call.
  constexpr call with(std::uint32_t flags) const noexcept {
    call changed = *this;
    changed.flags_ |= flags;
    return changed;
  }

  constexpr std::uint32_t flags() const noexcept { return flags_; }
  constexpr std::int64_t timeout_ms() const noexcept { return timeout_ms_; }
  constexpr void *data() const noexcept { return data_; }

 private:
  std::uint32_t flags_ = RREDIS_CALL_DEFAULT;
  std::int64_t timeout_ms_ = 0;
  void *data_ = nullptr;
};

namespace detail {

/// Call f(&out, &err), and give its reply.
template <class F>
reply get_reply(F f) {
  return reply(made<handle<rredis_reply, rredis_reply_free>>(f).release());
}

/// Call f(&out, &err), and give its reply or its error. What a callback threw is thrown.
template <class F>
result<reply> try_reply(F f) {
  call_frame frame;
  rredis_error err;
  rredis_reply *out = nullptr;
  const rredis_status status = f(&out, &err);
  reply own(out);
  frame.check_thrown(status);
  if (status != RREDIS_OK) return error(err);
  return own;
}

}  // namespace detail

// ---- Pools --------------------------------------------------------------------------

/// Connections that clients share. Any number of threads may use it.
class pool {
 public:
  pool() : pool(static_cast<const rredis_options *>(nullptr)) {}
  explicit pool(std::string_view url) : pool(rredis::options(url)) {}
  explicit pool(const rredis::options &options) : pool(options.raw()) {}

  /// Open connections until count are idle, or there are RREDIS_OPTION_POOL_MAX.
  void warm(std::size_t count) const {
    detail::run([&](rredis_error *err) { return rredis_pool_warm(own_.get(), count, err); });
  }

  /// Close the idle connections.
  void drop_idle() const noexcept { rredis_pool_drop_idle(own_.get()); }

  /// A statistic of all its clients together; -1 where it is not kept.
  std::int64_t stat(rredis_stat stat) const noexcept { return rredis_pool_stat(own_.get(), stat); }

  const rredis_pool *raw() const noexcept { return own_.get(); }

 private:
  using handle = detail::handle<rredis_pool, rredis_pool_free>;

  explicit pool(const rredis_options *options)
      : own_(detail::made<handle>([&](rredis_pool **out, rredis_error *err) {
          return rredis_pool_new(options, out, err);
        })) {}

  handle own_;
};

// ---- Clients ------------------------------------------------------------------------

/// Sends commands. Most programs need one. Any number of threads may use it at once.
class client {
 public:
  /// The server at 127.0.0.1:6379.
  client() : client(static_cast<const rredis_options *>(nullptr)) {}
  explicit client(std::string_view url) : client(rredis::options(url)) {}
  explicit client(const rredis::options &options) : client(options.raw()) {}

  /// A client that uses the connections of a pool, with the pool's options or its own.
  explicit client(const rredis::pool &pool) : client(pool.raw(), nullptr) {}
  client(const rredis::pool &pool, const rredis::options &options)
      : client(pool.raw(), options.raw()) {}

  /// Send a command and wait for its reply. Throws rredis::error.
  ///
  ///   client.command("SET", "answer", 42);
  template <class... T>
  reply command(const T &...args) const {
    const detail::arguments_of<T...> all(args...);
    return detail::get_reply([&](rredis_reply **out, rredis_error *err) {
      return rredis_client_command(own_.get(), all.size(), all.argv(), all.lens(), out, err);
    });
  }
  template <class... T>
  reply command(const call &how, const T &...args) const {
    const detail::arguments_of<T...> all(args...);
    return detail::get_reply([&](rredis_reply **out, rredis_error *err) {
      return send(how, all.size(), all.argv(), all.lens(), out, err);
    });
  }

  /// Send a command, and give its reply or its error.
  template <class... T>
  result<reply> try_command(const T &...args) const {
    return try_command(call{}, args...);
  }
  template <class... T>
  result<reply> try_command(const call &how, const T &...args) const {
    const detail::arguments_of<T...> all(args...);
    return detail::try_reply([&](rredis_reply **out, rredis_error *err) {
      return send(how, all.size(), all.argv(), all.lens(), out, err);
    });
  }

  /// A client all of whose commands go to one server, that of this endpoint.
  client at(std::string_view endpoint) const { return at(RREDIS_TARGET_SERVER, endpoint); }

  /// A client all of whose commands go to whichever server has the slot of this key.
  client at_key(std::string_view key) const { return at(RREDIS_TARGET_KEY, key); }

  // What is made of a client: the same as rredis::conn(client), and so on.
  rredis::async async() const;
  rredis::conn conn() const;
  rredis::pipeline pipeline() const;
  rredis::pubsub pubsub() const;

  /// Set a response callback for this client alone, as options::set_callback does.
  template <class F>
  void set_callback(std::string_view command, F &&f) const {
    using function = std::decay_t<F>;
    detail::run([&](rredis_error *err) {
      return rredis_client_set_callback(own_.get(), command.data(), command.size(),
                                        detail::respond<function>,
                                        detail::keep(std::forward<F>(f)),
                                        detail::drop<function>, err);
    });
  }

  /// Restore the callback of the options, or the built-in one.
  void remove_callback(std::string_view command) const {
    detail::run([&](rredis_error *err) {
      return rredis_client_set_callback(own_.get(), command.data(), command.size(), nullptr,
                                        nullptr, nullptr, err);
    });
  }

  /// A statistic; -1 where it is not kept.
  std::int64_t stat(rredis_stat stat) const noexcept {
    return rredis_client_stat(own_.get(), stat);
  }

  /// Which servers there are, as known: an ARRAY of MAPs.
  reply servers() const {
    return detail::get_reply([this](rredis_reply **out, rredis_error *err) {
      return rredis_client_servers(own_.get(), out, err);
    });
  }

  /// The name of the parser that reads the replies.
  std::string_view parser() const noexcept { return rredis_client_parser(own_.get()); }

  /// End the waiting calls that were given this data, or all of them, and give their number.
  /// They fail with RREDIS_ERR_WOKEN. A signal handler may call this.
  std::size_t wake(const void *data = nullptr) const noexcept {
    return rredis_client_wake(own_.get(), data);
  }

  const rredis_client *raw() const noexcept { return own_.get(); }

 private:
  using handle = detail::handle<rredis_client, rredis_client_free>;

  explicit client(const rredis_options *options)
      : own_(detail::made<handle>([&](rredis_client **out, rredis_error *err) {
          return rredis_client_new(options, out, err);
        })) {}
  client(const rredis_pool *pool, const rredis_options *options)
      : own_(detail::made<handle>([&](rredis_client **out, rredis_error *err) {
          return rredis_client_new_on(pool, options, out, err);
        })) {}
  explicit client(handle own) noexcept : own_(std::move(own)) {}

  client at(rredis_target kind, std::string_view target) const {
    return client(detail::made<handle>([&](rredis_client **out, rredis_error *err) {
      return rredis_client_new_at(own_.get(), kind, target.data(), target.size(), out, err);
    }));
  }

  rredis_status send(const call &how, std::size_t argc, const char *const *argv,
                     const std::size_t *lens, rredis_reply **out,
                     rredis_error *err) const noexcept {
    return rredis_client_command_with(own_.get(), argc, argv, lens, how.flags(),
                                      how.timeout_ms(), how.data(), out, err);
  }

  handle own_;
};

}  // namespace rredis

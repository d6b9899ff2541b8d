// A connection of one's own, for what a pool cannot serve: SELECT, WATCH, MONITOR, CLIENT REPLY.
#pragma once

#include "client.hpp"

namespace rredis {

/// One connection for a single owner. Only wake may be called by another thread meanwhile.
class conn {
 public:
  /// Lease a connection from the client's pool.
  explicit conn(const rredis::client &client)
      : own_(detail::made<handle>([&](rredis_conn **out, rredis_error *err) {
          return rredis_conn_new(client.raw(), out, err);
        })) {}

  /// Send a command and wait for its reply, as client::command does. A command without a reply
  /// of its own (SUBSCRIBE) gives a NULL.
  template <class... T>
  reply command(const T &...args) {
    const detail::arguments_of<T...> all(args...);
    return detail::get_reply([&](rredis_reply **out, rredis_error *err) {
      return rredis_conn_command(own_.get(), all.size(), all.argv(), all.lens(), out, err);
    });
  }
  template <class... T>
  reply command(const call &how, const T &...args) {
    const detail::arguments_of<T...> all(args...);
    return detail::get_reply([&](rredis_reply **out, rredis_error *err) {
      return run(how, all.size(), all.argv(), all.lens(), out, err);
    });
  }
  template <class... T>
  result<reply> try_command(const T &...args) {
    return try_command(call{}, args...);
  }
  template <class... T>
  result<reply> try_command(const call &how, const T &...args) {
    const detail::arguments_of<T...> all(args...);
    return detail::try_reply([&](rredis_reply **out, rredis_error *err) {
      return run(how, all.size(), all.argv(), all.lens(), out, err);
    });
  }

  /// Send a command without waiting: receive gives its reply. With call{}.more() it is queued
  /// until the next send without it, or until a receive that waits.
  template <class... T>
  void send(const call &how, const T &...args) {
    const detail::arguments_of<T...> all(args...);
    detail::run([&](rredis_error *err) {
      // The flag of a timeout is refused, with or without its time.
      return rredis_conn_send_with(own_.get(), all.size(), all.argv(), all.lens(), how.flags(),
                                   err);
    });
  }
  template <class... T>
  void send(const T &...args) {
    const detail::arguments_of<T...> all(args...);
    detail::run([&](rredis_error *err) {
      return rredis_conn_send(own_.get(), all.size(), all.argv(), all.lens(), err);
    });
  }

  /// The next reply, push, or line of MONITOR; nothing, where none came within timeout. A
  /// server's error is a reply of kind ERROR.
  std::optional<reply> receive(milliseconds timeout = for_ever) {
    detail::call_frame frame;
    rredis_error err;
    rredis_reply *out = nullptr;
    const rredis_status status = rredis_conn_receive(own_.get(), timeout.count(), &out, &err);
    if (status == RREDIS_ERR_AGAIN) return std::nullopt;
    reply own(out);
    frame.check(status, err);
    return own;
  }

  /// The descriptor, to poll for reading while no call is made. Before each poll call
  /// receive(0ms) until it gives nothing. -1: there is none.
  int fd() const noexcept { return rredis_conn_fd(own_.get()); }

  /// End the call that waits in another thread: it fails with RREDIS_ERR_WOKEN. Give how many.
  std::size_t wake() const noexcept { return rredis_conn_wake(own_.get()); }

  rredis_conn *raw() noexcept { return own_.get(); }

 private:
  using handle = detail::handle<rredis_conn, rredis_conn_free>;

  rredis_status run(const call &how, std::size_t argc, const char *const *argv,
                    const std::size_t *lens, rredis_reply **out, rredis_error *err) noexcept {
    return rredis_conn_command_with(own_.get(), argc, argv, lens, how.flags(), how.timeout_ms(),
                                    how.data(), out, err);
  }

  handle own_;
};

inline rredis::conn client::conn() const { return rredis::conn(*this); }

}  // namespace rredis

// Facts about commands that need no server, and the protocol without sockets.
#pragma once

#include "options.hpp"

namespace rredis {

// ---- Commands -----------------------------------------------------------------------

/// The bytes of a command, as they are sent to a server.
template <class... T>
std::string encode(const T &...args) {
  const detail::arguments_of<T...> all(args...);
  std::string bytes;
  std::size_t size = 0;
  const auto write = [&](rredis_error *err) {
    return rredis_command_encode(all.size(), all.argv(), all.lens(), bytes.data(), bytes.size(),
                                 &size, err);
  };
  // Without room only the size is told.
  detail::run([&](rredis_error *err) {
    return rredis_command_encode(all.size(), all.argv(), all.lens(), nullptr, 0, &size, err);
  });
  bytes.resize(size);
  detail::run(write);
  return bytes;
}

/// A key of a command.
struct command_key {
  std::size_t index;     // among the arguments
  std::uint32_t access;  // rredis_key values, or-ed
};

/// The keys of a command, without asking a server.
template <class... T>
std::vector<command_key> command_keys(const T &...args) {
  const detail::arguments_of<T...> all(args...);
  std::vector<std::size_t> indexes;
  std::vector<std::uint32_t> access;
  std::size_t count = 0;
  detail::run([&](rredis_error *err) {
    return rredis_command_keys(all.size(), all.argv(), all.lens(), nullptr, nullptr, 0, &count,
                               err);
  });
  if (count == 0) return {};
  indexes.resize(count);
  access.resize(count);
  detail::run([&](rredis_error *err) {
    return rredis_command_keys(all.size(), all.argv(), all.lens(), indexes.data(), access.data(),
                               count, &count, err);
  });
  std::vector<command_key> keys;
  for (std::size_t i = 0; i < count; i++) keys.push_back({indexes[i], access[i]});
  return keys;
}

/// The properties of a command, as or-ed rredis_command_flag.
template <class... T>
std::uint32_t command_flags(const T &...args) {
  const detail::arguments_of<T...> all(args...);
  std::uint32_t flags = 0;
  detail::run([&](rredis_error *err) {
    return rredis_command_flags(all.size(), all.argv(), all.lens(), &flags, err);
  });
  return flags;
}

/// The cluster slot of a key, 0 to 16383.
inline int slot(std::string_view key) noexcept {
  return static_cast<int>(rredis_command_slot(key.data(), key.size()));
}

// ---- Parser -------------------------------------------------------------------------

/// Turns bytes into replies, for a program with sockets of its own. For one thread.
class parser {
 public:
  parser() : parser(static_cast<const rredis_options *>(nullptr)) {}
  explicit parser(const rredis::options &options) : parser(options.raw()) {}

  /// Feed bytes, which may end anywhere in a reply.
  void feed(std::string_view bytes) {
    detail::run([&](rredis_error *err) {
      return rredis_parser_feed(own_.get(), bytes.data(), bytes.size(), err);
    });
  }

  /// Room to read into, which saves a copy. Valid until the next call on this parser.
  struct room {
    char *data;
    std::size_t size;
  };
  room reserve(std::size_t wanted) {
    room given{nullptr, 0};
    given.data = rredis_parser_reserve(own_.get(), wanted, &given.size);
    if (given.data == nullptr) throw std::bad_alloc();
    return given;
  }

  /// Feed the first bytes of the room from reserve.
  void commit(std::size_t size) {
    detail::run([&](rredis_error *err) { return rredis_parser_commit(own_.get(), size, err); });
  }

  /// The next reply, which may be a push or a server's error. Nothing: none is complete yet.
  std::optional<reply> next() {
    detail::call_frame frame;
    rredis_error err;
    rredis_reply *out = nullptr;
    const rredis_status status = rredis_parser_next(own_.get(), &out, &err);
    if (status == RREDIS_ERR_AGAIN) return std::nullopt;
    reply own(out);
    frame.check(status, err);
    return own;
  }

  /// How many bytes were fed that are part of no reply that next gave.
  std::size_t unread() const noexcept { return rredis_parser_unread(own_.get()); }

  /// "fast", "simple", or the name of your parser.
  std::string_view name() const noexcept { return rredis_parser_name(own_.get()); }

  rredis_parser *raw() noexcept { return own_.get(); }

 private:
  using handle = detail::handle<rredis_parser, rredis_parser_free>;

  explicit parser(const rredis_options *options)
      : own_(detail::made<handle>([&](rredis_parser **out, rredis_error *err) {
          return rredis_parser_new(options, out, err);
        })) {}

  handle own_;
};

// ---- TLS -----------------------------------------------------------------------------

/// The client's side of TLS over a connected socket of yours, which no call waits for or closes.
class tls {
 public:
  explicit tls(int fd) : tls(nullptr, fd) {}
  tls(const options &options, int fd) : tls(options.raw(), fd) {}

  /// How many bytes were read; 0: the stream has ended. Nothing: poll the socket for what wants
  /// gives.
  std::optional<std::size_t> read(char *buffer, std::size_t size) {
    return moved([&](std::size_t *len, rredis_error *err) {
      return rredis_tls_read(own_.get(), buffer, size, len, err);
    });
  }

  /// How many bytes were taken, at most 16384: write the rest. Nothing: poll the socket for what
  /// wants gives, then write all of the same bytes, and more behind them if you like.
  std::optional<std::size_t> write(std::string_view bytes) {
    return moved([&](std::size_t *len, rredis_error *err) {
      return rredis_tls_write(own_.get(), bytes.data(), bytes.size(), len, err);
    });
  }

  /// The rredis_ready values to poll the socket for.
  std::uint32_t wants() const noexcept { return rredis_tls_wants(own_.get()); }

  rredis_tls *raw() noexcept { return own_.get(); }

 private:
  using handle = detail::handle<rredis_tls, rredis_tls_free>;

  tls(const rredis_options *options, int fd)
      : own_(detail::made<handle>([&](rredis_tls **out, rredis_error *err) {
          return rredis_tls_new(options, fd, out, err);
        })) {}

  template <class Call>
  std::optional<std::size_t> moved(Call &&call) {
    detail::call_frame frame;
    rredis_error err;
    std::size_t len = 0;
    const rredis_status status = call(&len, &err);
    if (status == RREDIS_ERR_AGAIN) return std::nullopt;
    frame.check(status, err);
    return len;
  }

  handle own_;
};

}  // namespace rredis

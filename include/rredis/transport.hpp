// Transports and parsers of yours: what carries the bytes of a connection, and what reads them.
// An exception that leaves a function here is a failure of the connection: an rredis::error
// with its own status, and any other with RREDIS_ERR_IO or RREDIS_ERR_PROTOCOL.
#pragma once

#include "builder.hpp"

namespace rredis {

/// The bytes of one connection. Derive from it. The destructor closes.
class stream {
 public:
  virtual ~stream() = default;

  /// Read at least one byte and at most size. Nothing: none came within timeout. 0: the end.
  virtual std::optional<std::size_t> read(char *buffer, std::size_t size,
                                          milliseconds timeout) = 0;

  /// Write at least one byte and at most all. Nothing: none could be moved within timeout.
  virtual std::optional<std::size_t> write(std::string_view bytes, milliseconds timeout) = 0;

  /// The descriptor that the library polls; it then calls read and write with a timeout of 0.
  /// -1: there is none.
  virtual int fd() const noexcept { return -1; }
};

/// Where a stream is to lead. A Unix socket's path is the host, and its port is 0.
struct address {
  std::string_view host;
  int port;
};

/// Reads the replies of one connection. Derive from it.
class reader {
 public:
  virtual ~reader() = default;

  /// Take all of bytes: those of one reply, perhaps in pieces.
  virtual void feed(std::string_view bytes) = 0;

  /// Add one whole reply to made. False: more bytes are needed.
  virtual bool next(builder &made) = 0;
};

namespace detail {

/// The functions of an rredis_transport, around connect(address, timeout) of the program.
template <class Connect>
struct transport_of {
  Connect connect;
  std::string name;

  static rredis_status open(void *self, const char *host, std::size_t host_len,
                            std::int32_t port, std::int64_t timeout_ms, void **out,
                            rredis_error *err) noexcept {
    return guarded<false>(err, RREDIS_ERR_CONNECT, [&] {
      const address to{{host, host_len}, port};
      std::unique_ptr<stream> made =
          static_cast<transport_of *>(self)->connect(to, milliseconds(timeout_ms));
      if (made == nullptr) throw error(RREDIS_ERR_CONNECT, "the transport made no stream");
      *out = made.release();
    });
  }

  rredis_transport raw() noexcept {
    rredis_transport raw{};
    raw.size = sizeof raw;
    raw.name = name.empty() ? nullptr : name.c_str();
    raw.user_data = this;
    raw.connect = open;
    raw.read = [](void *of, char *buffer, std::size_t size, std::int64_t timeout_ms,
                  std::size_t *out, rredis_error *err) noexcept {
      return moved(err, out, [&] {
        return static_cast<stream *>(of)->read(buffer, size, milliseconds(timeout_ms));
      });
    };
    raw.write = [](void *of, const char *bytes, std::size_t size, std::int64_t timeout_ms,
                   std::size_t *out, rredis_error *err) noexcept {
      return moved(err, out, [&] {
        return static_cast<stream *>(of)->write({bytes, size}, milliseconds(timeout_ms));
      });
    };
    raw.close = [](void *of) noexcept { delete static_cast<stream *>(of); };
    raw.fd = [](void *of) noexcept -> std::int32_t { return static_cast<stream *>(of)->fd(); };
    raw.user_data_free = drop<transport_of>;
    return raw;
  }

 private:
  template <class F>
  static rredis_status moved(rredis_error *err, std::size_t *out, F f) noexcept {
    bool is_moved = false;
    const rredis_status status = guarded<false>(err, RREDIS_ERR_IO, [&] {
      const std::optional<std::size_t> count = f();
      is_moved = count.has_value();
      *out = count.value_or(0);
    });
    return status == RREDIS_OK && !is_moved ? RREDIS_ERR_AGAIN : status;
  }
};

/// The functions of an rredis_parser_type, around start() of the program.
template <class Start>
struct parser_of {
  Start start;
  std::string name;

  static rredis_status begin(void *self, void **out, rredis_error *err) noexcept {
    return guarded<false>(err, RREDIS_ERR_PROTOCOL, [&] {
      std::unique_ptr<reader> made = static_cast<parser_of *>(self)->start();
      if (made == nullptr) throw error(RREDIS_ERR_PROTOCOL, "the parser made no reader");
      *out = made.release();
    });
  }

  rredis_parser_type raw() noexcept {
    rredis_parser_type raw{};
    raw.size = sizeof raw;
    raw.name = name.empty() ? nullptr : name.c_str();
    raw.user_data = this;
    raw.start = begin;
    raw.feed = [](void *of, const char *bytes, std::size_t size, rredis_error *err) noexcept {
      return guarded<false>(err, RREDIS_ERR_PROTOCOL,
                            [&] { static_cast<reader *>(of)->feed({bytes, size}); });
    };
    raw.next = [](void *of, rredis_builder *into, rredis_error *err) noexcept {
      bool is_whole = false;
      const rredis_status status = guarded<false>(err, RREDIS_ERR_PROTOCOL, [&] {
        builder made(into);
        is_whole = static_cast<reader *>(of)->next(made);
      });
      return status == RREDIS_OK && !is_whole ? RREDIS_ERR_AGAIN : status;
    };
    raw.stop = [](void *of) noexcept { delete static_cast<reader *>(of); };
    raw.user_data_free = drop<parser_of>;
    return raw;
  }
};

}  // namespace detail
}  // namespace rredis

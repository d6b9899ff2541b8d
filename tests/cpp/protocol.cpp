// Facts about commands, the parser, and transports and parsers of the program's own.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "check.hpp"

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

static void facts() {
  CHECK(rredis::encode("SET", "a\0b"sv, 42) == "*3\r\n$3\r\nSET\r\n$3\r\na\0b\r\n$2\r\n42\r\n"s);
  const auto keys = rredis::command_keys("MSET", "a", 1, "b", 2);
  CHECK(keys.size() == 2 && keys[0].index == 1 && keys[1].index == 3 && (keys[0].access & RREDIS_KEY_OW) != 0);
  CHECK(rredis::command_keys("PING").empty());
  CHECK(status_of([] { rredis::command_keys("NOSUCH", "a"); }) == RREDIS_ERR_UNSUPPORTED);
  CHECK((rredis::command_flags("GET", "a") & RREDIS_COMMAND_READONLY) != 0);
  CHECK(rredis::slot("foo") == 12182 && rredis::slot("{foo}bar") == 12182);
}

static void parsing() {
  rredis::parser parser;
  CHECK(parser.name() == "fast" && !parser.next());
  parser.feed("*2\r\n:1\r\n");
  CHECK(!parser.next() && parser.unread() == 8);
  const rredis::parser::room room = parser.reserve(10);
  CHECK(room.size >= 10);
  std::string_view("+OK\r\n:").copy(room.data, 6);
  parser.commit(6);
  CHECK(parser.next()->as<std::pair<int, std::string>>() == std::pair(1, "OK"s) && !parser.next() && parser.unread() == 1);
  parser.feed("7\r\n!");
  CHECK(parser.next()->as<int>() == 7);
  parser.feed("x\r\n");
  CHECK(status_of([&] { parser.next(); }) == RREDIS_ERR_PROTOCOL);
  rredis::options simple;
  CHECK(rredis::parser(simple.set(RREDIS_OPTION_PARSER, RREDIS_PARSER_SIMPLE)).name() == "simple");
}

/// A socket of ours.
class wire : public rredis::stream {
 public:
  explicit wire(int port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr *>(&to), sizeof to) != 0) {
      ::close(fd_);
      throw rredis::error(RREDIS_ERR_CONNECT, "nobody listens there");
    }
    open++;
  }
  ~wire() override { ::close(fd_), open--; }

  std::optional<std::size_t> read(char *buffer, std::size_t size, rredis::milliseconds timeout) override {
    if (is_broken) throw std::runtime_error("the wire is cut");
    if (!is_ready(POLLIN, timeout)) return std::nullopt;
    return static_cast<std::size_t>(::recv(fd_, buffer, size, 0));
  }
  std::optional<std::size_t> write(std::string_view bytes, rredis::milliseconds timeout) override {
    if (!is_ready(POLLOUT, timeout)) return std::nullopt;
    return static_cast<std::size_t>(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

  static inline int open = 0;
  static inline bool is_broken = false;

 private:
  bool is_ready(short events, rredis::milliseconds timeout) const {
    pollfd watched{fd_, events, 0};
    return ::poll(&watched, 1, static_cast<int>(timeout.count())) == 1;
  }

  int fd_;
};

static void transports(char **argv) {
  rredis::options o;
  int connects = 0;
  o.set(RREDIS_OPTION_PORT, std::atoi(argv[2])).set(RREDIS_OPTION_RETRY_MAX, 0);
  o.set_transport([&connects](const rredis::address &to, rredis::milliseconds timeout) {
    CHECK(to.host == "127.0.0.1" && timeout > 0ms);
    connects++;
    return std::make_unique<wire>(to.port);
  }, "wire");
  {
    const rredis::client c(o);
    c.command("SET", "cpp:big", std::string(100000, 'x'));
    CHECK(c.command("GET", "cpp:big").as<std::string>().size() == 100000 && connects == 1 && wire::open == 1);
    wire::is_broken = true;
    const auto broken = c.try_command("INCR", "cpp:none");
    wire::is_broken = false;
    CHECK(!broken && std::string(broken.error().what()).find("the wire is cut") != std::string::npos);
  }
  CHECK(wire::open == 0);
  o.set(RREDIS_OPTION_PORT, 1);
  const auto refused = rredis::client(o).try_command("PING");
  CHECK(refused.error().status() == RREDIS_ERR_CONNECT && refused.error().outcome() == RREDIS_OUTCOME_NOT_SENT);
}

/// Reads nothing but lines, and shouts.
class lines : public rredis::reader {
 public:
  void feed(std::string_view bytes) override { read_.append(bytes); }
  bool next(rredis::builder &made) override {
    if (read_.find("bad") != std::string::npos) throw std::runtime_error("a bad line");
    const std::size_t end = read_.find("\r\n");
    if (end == std::string::npos) return false;
    made.add_text(RREDIS_REPLY_STATUS, read_.substr(1, end - 1) + "!");
    read_.erase(0, end + 2);
    return true;
  }

 private:
  std::string read_;
};

static void parsers() {
  rredis::options o;
  rredis::parser parser(o.set_parser([] { return std::make_unique<lines>(); }, "lines"));
  parser.feed("+one\r\n+tw");
  CHECK(parser.name() == "lines" && parser.next()->as<std::string>() == "one!" && !parser.next());
  parser.feed("o\r\n+bad\r\n");
  CHECK(parser.next()->as<std::string>() == "two!" && said([&] { parser.next(); }).find("a bad line") != std::string::npos);
}

/// A peer that ends before it has answered.
static void secured() {
  int ends[2];
  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  rredis::tls tls(ends[0]);
  char byte;
  CHECK(!tls.read(&byte, 1) && !tls.write("PING\r\n") && tls.wants() == RREDIS_READY_READ && tls.raw() != nullptr);
  ::close(ends[1]);
  CHECK(status_of([&] { tls.read(&byte, 1); }) == RREDIS_ERR_CONNECT);
  ::close(ends[0]);
  rredis::options options;
  CHECK(status_of([&] { rredis::tls(options, -1); }) == RREDIS_ERR_ARGUMENT);
}

int main(int, char **argv) {
  facts();
  parsing();
  secured();
  transports(argv);
  parsers();
}

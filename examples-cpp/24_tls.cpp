// 24. TLS.
//
// The server proves who it is before a byte of a command leaves. Trust comes from a file of
// certificates, or, where none is named, from the system's own.
//
// New here: RREDIS_OPTION_TLS, _TLS_CA_FILE, _TLS_SERVER_NAME, RREDIS_ERR_TLS
// Run it:   make run-cpp-24

#include <rredis.hpp>

#include <iostream>
#include <string>

static void greet(const rredis::options &options) {
  const rredis::client client(options);
  if (const auto reply = client.try_command("PING", "hello, in private"))
    std::cout << reply->as<std::string>() << "\n";
  else
    std::cout << rredis::name(reply.error().status()) << ", "
              << rredis::name(reply.error().outcome()) << "\n";
}

int main(int argc, char **argv) {
  if (argc != 3) return std::cerr << "usage: 24_tls HOST CA_FILE\n", 1;

  // In a URL: rediss://db.example?tls_ca_file=ca.crt
  rredis::options options;
  options.set(RREDIS_OPTION_TLS, true)
      .set(RREDIS_OPTION_HOST, argv[1])
      .set(RREDIS_OPTION_TLS_CA_FILE, argv[2]);
  greet(options);

  // The certificate has to be for the host, or for the name that is set here. One for another
  // name is refused by the client, before the server has heard a command or a password.
  options.set(RREDIS_OPTION_TLS_SERVER_NAME, "somebody.else.example");
  greet(options);
}

// Prints:
// hello, in private
// TLS, NOT_SENT

// 04. What can go wrong.
//
// An error says what happened (status), what became of the command (outcome), and one line for
// whoever reads the log (what). Where failing is ordinary, try_command gives it as a value.
//
// New here: status, outcome, did_not_run, try_command, rredis::result
// Run it:   make run-cpp-04

#include <rredis.hpp>

#include <iostream>

template <class... T>
static void attempt(const rredis::client &client, const T &...command) {
  const rredis::result<rredis::reply> reply = client.try_command(command...);
  if (reply) {
    std::cout << "fine\n";
    return;
  }
  const rredis::error &why = reply.error();
  std::cout << rredis::name(why.status()) << ", " << rredis::name(why.outcome())
            << (why.did_not_run() ? ", may be repeated" : "") << "\n  " << why.what() << "\n";
}

int main() {
  const rredis::client client;
  attempt(client, "SET", "page04", "a text");
  attempt(client, "LPUSH", "page04", "to a list?");  // the server says no, in its own words
  attempt(client, "SELECT", 1);                      // the library says no

  const rredis::client nobody("redis://127.0.0.1:1");
  attempt(nobody, "SET", "page04", "a text");

  // command throws the same.
  try {
    client.command("INCR", "page04");
  } catch (const rredis::error &why) {
    std::cout << why.what() << "\n";
  }
}

// Prints:
// fine
// SERVER, REFUSED, may be repeated
//   WRONGTYPE Operation against a key holding the wrong kind of value
// ARGUMENT, NOT_SENT, may be repeated
//   SELECT changes the connection it runs on, and a client shares its connections: use the option database, or an rredis_conn
// CONNECT, NOT_SENT, may be repeated
//   127.0.0.1:1: connect: Connection refused
// ERR value is not an integer or out of range

// 09. TLS.
//
// The server proves who it is before a byte of a command leaves. Trust comes from a file of
// certificates, or, where none is named, from the system's own.
//
// New here: RREDIS_OPTION_TLS, _TLS_CA_FILE, _TLS_SERVER_NAME, RREDIS_ERR_TLS
// Run it:   make examples && ./target/examples/09_tls db.example ca.crt

#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set(rredis_options *options, rredis_option option, const char *text) {
  rredis_error err;
  if (rredis_options_set_str(options, option, text, strlen(text), &err) == RREDIS_OK) return;
  fprintf(stderr, "%s\n", err.message);
  exit(1);
}

static void greet(const rredis_options *options) {
  rredis_error err;
  rredis_client *client;
  rredis_reply *reply;
  if (rredis_client_new(options, &client, NULL) != RREDIS_OK) exit(1);
  if (rredis_client_command(client, RREDIS_TEXTS("PING", "hello, in private"), &reply, &err) == RREDIS_OK) {
    printf("%s\n", reply->str);
    rredis_reply_free(reply);
  } else {
    printf("%s, %s\n", rredis_status_name(err.status), rredis_status_outcome_name(err.outcome));
    fprintf(stderr, "%s\n", err.message);
  }
  rredis_client_free(client);
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: 09_tls HOST CA_FILE\n"), 1;

  // The same in a URL: rediss://db.example?tls_ca_file=ca.crt
  rredis_options *options = rredis_options_new();
  if (rredis_options_set_int(options, RREDIS_OPTION_TLS, 1, NULL) != RREDIS_OK) return 1;
  set(options, RREDIS_OPTION_HOST, argv[1]);
  set(options, RREDIS_OPTION_TLS_CA_FILE, argv[2]);
  greet(options);

  // The certificate has to be for the host, or for the name that is set here. One for another
  // name is refused by us, before the server has heard a command or a password.
  set(options, RREDIS_OPTION_TLS_SERVER_NAME, "somebody.else.example");
  greet(options);

  rredis_options_free(options);
  return 0;
}

// Prints:
// hello, in private
// TLS, NOT_SENT

// rredis-doctor: looks at the way to a server step by step, and says what it found and what helps.
//
// It is a program on the public header alone. Each step prints one line or more; the first one that fails ends the visit.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <rredis_args.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "certificate.h"

// The exit status: which step failed.
enum { WELL = 0, USAGE = 1, OPTIONS = 2, NAME = 3, TCP = 4, TLS = 5, LOGIN = 6, PEER = 7, ILL = 8 };

static const char usage[] =
    "usage: rredis-doctor URL\n"
    "\n"
    "Looks at the way to a Redis or Valkey server step by step: the options, the name, TCP, TLS,\n"
    "the login, the server, the round trip, and the other servers of a cluster or of Sentinels.\n"
    "Says what it found, and what helps. It reads no key and changes nothing.\n"
    "\n"
    "  rredis-doctor redis://user:password@db.example:6379/0\n"
    "  rredis-doctor 'rediss://db.example?tls_ca_file=/etc/ssl/own-ca.pem'\n"
    "  rredis-doctor redis+cluster://a.example:7000,b.example:7000\n"
    "  rredis-doctor redis+sentinel://a.example:26379,b.example:26379/service\n"
    "  rredis-doctor unix:///run/redis.sock\n"
    "\n"
    "The URL is - to be read from the first line of the input, so that no list of processes shows\n"
    "a password. The URL that is printed has *** in place of each secret.\n"
    "\n"
    "Exit status: 0 all is well; 1 wrong usage; 2 the options are wrong; 3 the name is not found;\n"
    "4 nothing accepts the connection; 5 TLS failed; 6 the login failed; 7 the peer is not a Redis\n"
    "server; 8 anything else.\n";

static int warnings;
// TLS is wanted, and the server showed no certificate.
static int shows_nothing;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void say(const char *step, const char *format, ...) {
  va_list rest;
  va_start(rest, format);
  printf("%-10s ", step);
  vprintf(format, rest);
  printf("\n");
  fflush(stdout);
  va_end(rest);
}

static void warn(const char *text) {
  say("  note", "%s", text);
  warnings++;
}

static int fails(int step, const char *name, const char *what, const char *help) {
  say(name, "FAILED: %s", what);
  if (help) say("  help", "%s", help);
  return step;
}

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

// ---- Where it leads ---------------------------------------------------------------------------------------------------

static int opened(const struct sockaddr *address, socklen_t len, int family, int *out_error) {
  struct pollfd entry = {socket(family, SOCK_STREAM, 0), POLLOUT, 0};
  socklen_t size = sizeof *out_error;
  if (entry.fd < 0) return *out_error = errno, -1;
  fcntl(entry.fd, F_SETFL, O_NONBLOCK);
  *out_error = connect(entry.fd, address, len) == 0 ? 0 : errno;
  if (*out_error == EINPROGRESS) {
    int ready;
    const double end = now_ms() + 5000;
    while ((ready = poll(&entry, 1, now_ms() < end ? (int)(end - now_ms()) + 1 : 0)) < 0 && errno == EINTR) continue;
    if (ready == 0) *out_error = ETIMEDOUT;
    else getsockopt(entry.fd, SOL_SOCKET, SO_ERROR, out_error, &size);
  }
  if (*out_error == 0) return entry.fd;
  close(entry.fd);
  return -1;
}

static const char *help_for(int error) {
  switch (error) {
    case ECONNREFUSED: return "Nothing listens there. Is the server running, is the port right, and does its bind line name this address?";
    case ETIMEDOUT: return "No answer. Does a firewall, or a security group, let this machine through to that port?";
    case ENOENT: return "There is no such socket. Is unixsocket set in the server's configuration, and is the path right?";
    case EACCES: case EPERM: return "This user may not open it. See unixsocketperm in the server's configuration, or the firewall.";
    case EHOSTUNREACH: case ENETUNREACH: return "There is no route to that address from this machine.";
    default: return NULL;
  }
}

static int look_at_path(const char *path) {
  struct sockaddr_un address = {0};
  int error;
  address.sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address.sun_path) return fails(OPTIONS, "socket", "the path is too long", NULL);
  strcpy(address.sun_path, path);
  const int fd = opened((const struct sockaddr *)&address, sizeof address, AF_UNIX, &error);
  if (fd < 0) return fails(TCP, "socket", strerror(error), help_for(error));
  close(fd);
  say("socket", "%s accepts connections", path);
  return WELL;
}

static void look_at_certificate(int fd, const char *host) {
  certificate seen;
  shows_nothing = !certificate_of(fd, host, &seen);
  if (shows_nothing) return;
  say("  shows", "a certificate of \"%s\" by \"%s\", until %s", seen.subject, seen.issuer, seen.until);
  if (seen.days < 0) warn("That certificate is out of date.");
  else if (seen.days < 30) warn("That certificate ends in less than 30 days.");
}

// Each address of a host, and whether it accepts a connection.
static int look_at_host(const char *host, const char *port, int tls) {
  struct addrinfo hints = {0}, *found, *at;
  char address[64], what[128];
  int error = 0, accepted = 0, last = 0, count = 0;
  const double begin = now_ms();
  hints.ai_socktype = SOCK_STREAM;
  if ((error = getaddrinfo(host, port, &hints, &found)) != 0)
    return fails(NAME, "name", gai_strerror(error), "Is the name spelled right? getent hosts NAME shows what this machine knows.");
  for (at = found; at; at = at->ai_next) count++;
  say("name", "%s: %d address%s, in %.1f ms", host, count, count == 1 ? "" : "es", now_ms() - begin);
  for (at = found; at; at = at->ai_next) {
    const double start = now_ms();
    const int fd = opened(at->ai_addr, at->ai_addrlen, at->ai_family, &error);
    if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) != 0) strcpy(address, "?");
    if (fd < 0) {
      say("tcp", "%s port %s: %s", address, port, strerror(error));
      last = error;
      continue;
    }
    say("tcp", "%s port %s accepts connections, in %.1f ms", address, port, now_ms() - start);
    if (tls && !accepted) look_at_certificate(fd, host);
    accepted++;
    close(fd);
  }
  freeaddrinfo(found);
  if (accepted > 0 && accepted < count) warn("Not every address of that name accepts: some connections take longer.");
  snprintf(what, sizeof what, "no address of %.60s accepts a connection on port %.8s", host, port);
  return accepted > 0 ? WELL : fails(TCP, "tcp", what, help_for(last));
}

static int64_t number_of(const rredis_options *options, rredis_option option) {
  int64_t value = 0;
  return rredis_options_get_int(options, option, &value, NULL) == RREDIS_OK ? value : 0;
}

static int look_at_seeds(const char *seeds, int tls) {
  char *copy = strdup(seeds), *rest = copy, *seed;
  int result = ILL, well = 0, count = 0;
  while (copy && (seed = strtok_r(rest, ",", &rest)) != NULL) {
    char *colon = strrchr(seed, ':');
    const char *port = colon ? colon + 1 : "6379";
    if (colon) *colon = '\0';
    if (seed[0] == '[') seed++, seed[strcspn(seed, "]")] = '\0';
    const int one = look_at_host(seed, port, tls);
    if (one == WELL) well++;
    else result = one;
    count++;
  }
  free(copy);
  if (well > 0 && well < count) warn("Not every server of the URL can be reached. One is enough to begin with.");
  return well > 0 ? WELL : result;
}

static int look_at_the_way(const rredis_options *options) {
  const char *path = rredis_options_get_str(options, RREDIS_OPTION_UNIX_PATH, NULL);
  const char *seeds = rredis_options_get_str(options, RREDIS_OPTION_SEEDS, NULL);
  const char *host = rredis_options_get_str(options, RREDIS_OPTION_HOST, NULL);
  const int64_t of_sentinels = number_of(options, RREDIS_OPTION_SENTINEL_TLS);
  int tls = number_of(options, RREDIS_OPTION_TLS) == 1;
  char port[16];
  if (path && *path) return look_at_path(path);
  if (number_of(options, RREDIS_OPTION_TOPOLOGY) == RREDIS_TOPOLOGY_SENTINEL && of_sentinels >= 0) tls = of_sentinels == 1;
  if (seeds && *seeds) return look_at_seeds(seeds, tls);
  snprintf(port, sizeof port, "%d", (int)number_of(options, RREDIS_OPTION_PORT));
  return look_at_host(host && *host ? host : "127.0.0.1", port, tls);
}

// ---- Who is there -----------------------------------------------------------------------------------------------------

static int starts(const char *text, const char *word) { return strncmp(text, word, strlen(word)) == 0; }

static const char wants_password[] = "The server wants a password: redis://:password@host, or redis://user:password@host.";

static const char wants_tls[] = "Does the server speak TLS on this port, does tls_ca_file name the authority that signed its "
    "certificate, and is the host of the URL a name in it (or tls_server_name)?";

static const char closes[] = "It closes the connection. Is it a Redis server, is maxclients reached, is it in protected mode, and "
    "does the URL begin with rediss: where it speaks TLS?";

// What a failed first call means, and what helps.
static int diagnosed(const rredis_error *err) {
  const char *message = err->message;
  const int is_mute = err->status == RREDIS_ERR_TIMEOUT || err->status == RREDIS_ERR_IO || err->status == RREDIS_ERR_CONNECT;
  if (shows_nothing && is_mute) return fails(TLS, "tls", message, wants_tls);
  switch (err->status) {
    case RREDIS_ERR_TLS: return fails(TLS, "tls", message, wants_tls);
    case RREDIS_ERR_AUTH:
      if (strstr(message, "NOAUTH")) return fails(LOGIN, "login", message, wants_password);
      return fails(LOGIN, "login", message, "Are user and password those of the server's ACL (ACL LIST), or its requirepass? In a URL "
          "@ : / ? # of a password are written %40 %3A %2F %3F %23.");
    case RREDIS_ERR_PROTOCOL:
      return fails(PEER, "server", message, "What listens there is not a Redis server. Is it the right port, and does the URL begin "
          "with rediss: where the server speaks TLS?");
    case RREDIS_ERR_CONFIG: case RREDIS_ERR_ARGUMENT: case RREDIS_ERR_UNSUPPORTED:
      return fails(OPTIONS, "options", message, NULL);
    case RREDIS_ERR_TIMEOUT:
      return fails(PEER, "server", message, "It accepts connections and does not answer. Is it a Redis server, is it overloaded or "
          "stopped, and does the URL begin with rediss: where it speaks TLS?");
    case RREDIS_ERR_IO:
      return fails(PEER, "server", message, closes);
    case RREDIS_ERR_CONNECT:
      // It was there, and ended the connection before the login was over.
      if (strstr(message, "handshake:")) return fails(PEER, "server", message, closes);
      return fails(TCP, "server", message, "The servers that it names must be reachable from here under these addresses: see "
          "cluster-announce-ip, sentinel announce-ip, and the option address_map.");
    case RREDIS_ERR_SERVER:
      if (starts(message, "NOAUTH")) return fails(LOGIN, "login", message, wants_password);
      if (starts(message, "NOPERM")) return fails(LOGIN, "login", message, "The user may not run this: see ACL GETUSER on the server.");
      if (starts(message, "CLUSTERDOWN")) return fails(ILL, "cluster", message, "Slots have no server: see CLUSTER INFO and CLUSTER NODES.");
      if (starts(message, "LOADING")) return fails(ILL, "server", message, "It is reading its data from the disk. Wait.");
      return fails(ILL, "server", message, NULL);
    default: return fails(ILL, "server", message, NULL);
  }
}

// A field of INFO, in whichever section it is.
static const char *field(const rredis_reply *info, const char *name) {
  const rredis_reply *found = rredis_reply_find(info, name, strlen(name));
  for (size_t i = 1; !found && info->kind == RREDIS_REPLY_MAP && i < info->len; i += 2)
    found = rredis_reply_find(&info->elements[i], name, strlen(name));
  return found && found->str ? found->str : NULL;
}

static long long field_number(const rredis_reply *info, const char *name) {
  const rredis_reply *found = rredis_reply_find(info, name, strlen(name));
  int64_t value = -1;
  for (size_t i = 1; !found && info->kind == RREDIS_REPLY_MAP && i < info->len; i += 2)
    found = rredis_reply_find(&info->elements[i], name, strlen(name));
  return found && rredis_reply_integer(found, &value, NULL) == RREDIS_OK ? (long long)value : -1;
}

static void look_at_user(const rredis_client *client, const rredis_options *options) {
  rredis_error err;
  rredis_reply *reply;
  const char *given = rredis_options_get_str(options, RREDIS_OPTION_USERNAME, NULL);
  if (rredis_do(client, &reply, &err, "ACL", "WHOAMI") == RREDIS_OK) {
    say("login", "as user \"%s\"", reply->str ? reply->str : "?");
    rredis_reply_free(reply);
  } else if (starts(err.message, "NOPERM")) {
    say("login", "as user \"%s\", who may not run ACL WHOAMI", given ? given : "default");
  } else {
    say("login", "the server has no users (%s)", err.message);
  }
}

static void look_at_info(const rredis_client *client, int is_alone) {
  rredis_error err;
  rredis_reply *info;
  if (rredis_do(client, &info, &err, "INFO") != RREDIS_OK) {
    say("server", "does not tell what it is: %s", err.message);
    return;
  }
  const char *valkey = field(info, "valkey_version"), *redis = field(info, "redis_version"), *role = field(info, "role");
  const char *policy = field(info, "maxmemory_policy");
  const long long clients = field_number(info, "connected_clients"), most = field_number(info, "maxclients");
  const long long used = field_number(info, "used_memory"), limit = field_number(info, "maxmemory");
  say("server", "%s %s, %s, up %lld s, %lld clients of %lld", valkey ? "Valkey" : "Redis", valkey ? valkey : redis ? redis : "?",
      role ? role : "?", field_number(info, "uptime_in_seconds"), clients, most);
  say("memory", "%lld bytes used, limit %lld (0: none), policy %s", used, limit, policy ? policy : "?");
  if (field_number(info, "loading") == 1) warn("It is still loading its data.");
  if (most > 0 && clients * 10 > most * 9) warn("More than nine tenths of maxclients are connected.");
  if (limit > 0 && used * 10 > limit * 9) warn("More than nine tenths of maxmemory are used.");
  if (is_alone && role && strcmp(role, "slave") == 0) warn("This server is a replica: it takes no writes.");
  if (is_alone && field_number(info, "cluster_enabled") == 1)
    warn("This server is one of a cluster, and the URL is for it alone: redis+cluster://host:port is for all.");
  rredis_reply_free(info);
}

static int ascending(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static int look_at_time(const rredis_client *client) {
  enum { COUNT = 100 };
  double took[COUNT];
  rredis_error err;
  for (int i = 0; i < COUNT; i++) {
    const double begin = now_ms();
    if (rredis_do(client, NULL, &err, "PING") != RREDIS_OK && err.status != RREDIS_ERR_SERVER) return diagnosed(&err);
    took[i] = now_ms() - begin;
  }
  qsort(took, COUNT, sizeof *took, ascending);
  say("time", "%d round trips: %.3f ms at best, %.3f at the median, %.3f at worst", COUNT, took[0], took[COUNT / 2], took[COUNT - 1]);
  if (took[COUNT / 2] > 20) warn("A round trip is long: pipelines, or a server that is nearer, help most.");
  return WELL;
}

static int look_at_protocol(const rredis_client *client) {
  rredis_error err;
  rredis_reply *info;
  if (rredis_do(client, &info, &err, "CLIENT", "INFO") != RREDIS_OK) return WELL;
  const rredis_reply *found = rredis_reply_find(info, "resp", 4);
  int64_t version = 0;
  if (found && rredis_reply_integer(found, &version, NULL) == RREDIS_OK) say("protocol", "RESP%d", (int)version);
  rredis_reply_free(info);
  return WELL;
}

// Each server of many: what it is, and whether it is there.
static int look_at_servers(const rredis_client *client) {
  rredis_error err;
  rredis_reply *servers;
  int result = WELL;
  long long slots = 0;
  if (rredis_client_servers(client, &servers, &err) != RREDIS_OK) return diagnosed(&err);
  for (size_t i = 0; i < servers->len; i++) {
    const rredis_reply *endpoint = rredis_reply_find(&servers->elements[i], "endpoint", 8);
    const rredis_reply *role = rredis_reply_find(&servers->elements[i], "role", 4);
    const rredis_reply *ranges = rredis_reply_find(&servers->elements[i], "slots", 5);
    rredis_client *one = NULL;
    long long own = 0;
    for (size_t j = 0; ranges && j < ranges->len && ranges->elements[j].len == 2; j++)
      own += ranges->elements[j].elements[1].integer - ranges->elements[j].elements[0].integer + 1;
    if (role && role->str && strcmp(role->str, "primary") == 0) slots += own;
    const double begin = now_ms();
    rredis_status status = rredis_client_new_at(client, RREDIS_TARGET_SERVER, endpoint->str, endpoint->len, &one, &err);
    if (status == RREDIS_OK) status = rredis_do(one, NULL, &err, "PING");
    if (status == RREDIS_OK) say(i == 0 ? "servers" : "", "%s %s, %lld slots, first answer in %.1f ms", role->str, endpoint->str, own, now_ms() - begin);
    else say(i == 0 ? "servers" : "", "%s %s FAILED: %s", role->str, endpoint->str, err.message);
    if (status != RREDIS_OK) result = ILL;
    rredis_client_free(one);
  }
  if (slots > 0 && slots < 16384) result = fails(ILL, "cluster", "not every slot has a server", "See CLUSTER INFO and CLUSTER NODES.");
  if (result == ILL) say("  help", "Each server must be running, and reachable from here under the address that it announces.");
  rredis_reply_free(servers);
  return result;
}

static void tell_of_tls(const rredis_options *options) {
  const char *name = rredis_options_get_str(options, RREDIS_OPTION_TLS_SERVER_NAME, NULL);
  const char *file = rredis_options_get_str(options, RREDIS_OPTION_TLS_CA_FILE, NULL);
  const char *host = rredis_options_get_str(options, RREDIS_OPTION_HOST, NULL);
  const char *own = rredis_options_get_str(options, RREDIS_OPTION_TLS_CERT_FILE, NULL);
  if (number_of(options, RREDIS_OPTION_TLS) != 1) return;
  if (number_of(options, RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY) == 1) {
    say("tls", "encrypted, and nobody proved who they are");
    warn("tls_insecure_skip_verify accepts whoever answers: it is for tests only.");
    return;
  }
  say("tls", "the server proved that it is %s, to the authorities of %s", name && *name ? name : host && *host ? host : "the host of the URL",
      file && *file ? file : "this machine or the options");
  say("  client", "%s", own && *own ? "proved itself by its certificate" : "showed no certificate");
}

static int examined(rredis_options *options) {
  rredis_error err;
  rredis_reply *url;
  rredis_client *client;
  const int is_alone = number_of(options, RREDIS_OPTION_TOPOLOGY) == RREDIS_TOPOLOGY_SINGLE;
  if (rredis_options_to_url(options, &url, &err) == RREDIS_OK) {
    say("options", "%s", url->str);
    rredis_reply_free(url);
  }
  // What is wrong is to be seen, and not waited out.
  rredis_options_set_int(options, RREDIS_OPTION_RETRY_MAX, 0, NULL);
  if (rredis_client_new(options, &client, &err) != RREDIS_OK) return fails(OPTIONS, "options", err.message, NULL);
  int result = look_at_the_way(options);
  if (result == WELL && rredis_do(client, NULL, &err, "PING") != RREDIS_OK && !(err.status == RREDIS_ERR_SERVER && starts(err.message, "NOPERM")))
    result = diagnosed(&err);
  if (result == WELL) {
    tell_of_tls(options);
    look_at_user(client, options);
    if (is_alone) look_at_protocol(client);
    if (is_alone) look_at_info(client, is_alone);
    result = look_at_time(client);
  }
  if (result == WELL && !is_alone) result = look_at_servers(client);
  rredis_client_free(client);
  return result;
}

int main(int argc, char **argv) {
  static char line[4096];
  const char *url = argc == 2 ? argv[1] : NULL;
  rredis_error err;
  if (url && (strcmp(url, "--help") == 0 || strcmp(url, "-h") == 0)) return fputs(usage, stdout), 0;
  if (url && strcmp(url, "--version") == 0) return printf("rredis-doctor %s\n", rredis_version()), 0;
  if (!url || (url[0] == '-' && url[1] != '\0')) return fputs(usage, stderr), USAGE;
  if (strcmp(url, "-") == 0) {
    if (!fgets(line, sizeof line, stdin)) return fputs("rredis-doctor: no URL in the input\n", stderr), USAGE;
    line[strcspn(line, "\r\n")] = '\0';
    url = line;
  }
  signal(SIGPIPE, SIG_IGN);
  say("librredis", "%s, header %d.%d.%d", rredis_version(), RREDIS_VERSION_OF_HEADER >> 16, RREDIS_VERSION_OF_HEADER >> 8 & 255, RREDIS_VERSION_OF_HEADER & 255);
  rredis_options *options = rredis_options_new();
  if (!options) return fails(ILL, "options", "there is not enough memory", NULL);
  int result = rredis_options_set_url(options, url, strlen(url), &err) == RREDIS_OK
      ? examined(options) : fails(OPTIONS, "options", err.message, "rredis-doctor --help has an example of each kind of URL.");
  rredis_options_free(options);
  say("verdict", "%s", result != WELL ? "it does not work: see above" : warnings > 0 ? "it works: see the notes above" : "all is well");
  return result;
}

// The load generator: one epoll loop that compares every answer byte for byte with the expected one.
// load echo|lines|newlines|connect|uppercase|chat|idle PORT CONNECTIONS SIZE IN_FLIGHT SECONDS [TALKERS [POLITE]]
// A chat takes PORT,PORT... too: its members take turns at these servers.
// prints one line of JSON. After a wrong answer it prints one line on standard error, and exits with code 1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, BUFFER = 256 * 1024, SHORTEST_TAPE = 16 * 1024, NUMBER = 4, NAME = 8, HEADER = 10 };
static const char ANSWER[] = "Hello Node!\n"; // to each newline
static const double LOST_AFTER = 0.25, PATIENCE = 20;

// The messages to send, which all differ, and the expected answers. Both repeat from the start.
typedef struct {
  char *sent, *expected;
  size_t messages, sent_each, expected_each, sent_length, expected_length;
} Tape;

typedef struct {
  int fd, waits_to_write, joined;
  const char *out;               // the tape it sends, and its length
  size_t out_length, sent, goal; // bytes sent, and to be sent, in total
  size_t received, begun;        // bytes received, and the start offset on the tape
  uint64_t answered, asked;      // messages
  double asked_at;
  char *held;                    // chat: the start of an incomplete record
  size_t held_length;
  uint32_t *next;                // chat: the number of each talker's next message
} Connection;

static struct sockaddr_in server;
static int ports[16], port_count;
static int poller, is_datagram;
static size_t size, in_flight, count, talkers;
static Connection *connections, *polite; // one more connection, with one message in flight
static double *round_trips;              // its round-trip times, in milliseconds
static size_t round_trip_count;
static char buffer[BUFFER];
static uint64_t operations, lost;
static int over;

static void die(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fputc('\n', stderr);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

// A unique number in digits, then letters; lower case if the answer is in upper case.
static void fill(char *to, size_t length, unsigned number, unsigned seed, char first) {
  char digits[NUMBER + 1];
  snprintf(digits, sizeof digits, "%04u", number % 10000);
  memcpy(to, digits, length < NUMBER ? length : NUMBER);
  uint32_t state = seed * 2654435761u + number + 1;
  for (size_t at = NUMBER; at < length; at++) {
    state = state * 1664525u + 1013904223u;
    to[at] = first + (state >> 24) % 26;
  }
}

static Tape make_tape(const char *kind) {
  int answers = strcmp(kind, "newlines") == 0, lines = answers || strcmp(kind, "lines") == 0;
  Tape tape = {.sent_each = size + lines, .expected_each = answers ? sizeof ANSWER - 1 : size + lines};
  tape.messages = 2 * in_flight + 1;
  if (tape.messages * tape.sent_each < SHORTEST_TAPE) tape.messages = SHORTEST_TAPE / tape.sent_each + 1;
  tape.sent_length = tape.messages * tape.sent_each;
  tape.expected_length = tape.messages * tape.expected_each;
  tape.sent = malloc(tape.sent_length);
  tape.expected = malloc(tape.expected_length);
  for (size_t at = 0; at < tape.messages; at++) {
    char *sent = tape.sent + at * tape.sent_each, *expected = tape.expected + at * tape.expected_each;
    fill(sent, size, at, 1, is_datagram ? 'a' : 'A');
    fill(expected, size, at, 1, 'A');
    if (lines) sent[size] = expected[size] = '\n';
    if (answers) memcpy(expected, ANSWER, tape.expected_each);
  }
  return tape;
}

static void watch(Connection *connection, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = connection};
  if (epoll_ctl(poller, operation, connection->fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
}

// Each slot of the load "connect" has its own source address, or it would run out of ports.
static void open_connection(Connection *connection, int blocking, int own_address) {
  int fd = socket(AF_INET, (is_datagram ? SOCK_DGRAM : SOCK_STREAM) | (blocking ? 0 : SOCK_NONBLOCK), 0), on = 1;
  if (fd < 0) die("socket: %s", strerror(errno));
  if (!is_datagram) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (own_address) {
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000100 + own_address)};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0) die("bind: %s", strerror(errno));
  }
  if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) {
    die("connect: %s", strerror(errno));
  }
  if (blocking) fcntl(fd, F_SETFL, O_NONBLOCK);
  connection->fd = fd;
}

static void flush(Connection *connection) {
  while (connection->sent < connection->goal) {
    size_t at = connection->sent % connection->out_length, length = connection->goal - connection->sent;
    if (length > connection->out_length - at) length = connection->out_length - at;
    ssize_t written = send(connection->fd, connection->out + at, length, MSG_NOSIGNAL);
    if (written < 0) {
      if (errno != EAGAIN) die("write: %s", strerror(errno));
      if (!connection->waits_to_write) watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      connection->waits_to_write = 1;
      return;
    }
    connection->sent += written;
  }
  if (connection->waits_to_write) watch(connection, EPOLL_CTL_MOD, EPOLLIN);
  connection->waits_to_write = 0;
}

// 0 if there was nothing to read.
static ssize_t receive(Connection *connection, char *to, size_t most) {
  ssize_t length = recv(connection->fd, to, most, 0);
  if (length < 0 && errno == EAGAIN) return 0;
  if (length < 0) die("read: %s", strerror(errno));
  if (length == 0) die("the server closed a connection");
  return length;
}

static void check(const Tape *tape, Connection *connection, const char *bytes, size_t length) {
  while (length > 0) {
    size_t at = connection->received % tape->expected_length, part = tape->expected_length - at;
    if (part > length) part = length;
    if (memcmp(bytes, tape->expected + at, part) != 0) die("wrong answer after %zu bytes", connection->received);
    connection->received += part;
    bytes += part;
    length -= part;
  }
}

static void on_stream(const Tape *tape, Connection *connection) {
  ssize_t length = receive(connection, buffer, BUFFER);
  if (length == 0) return;
  check(tape, connection, buffer, length);
  uint64_t answered = (connection->received - connection->begun) / tape->expected_each, more = answered - connection->answered;
  operations += more;
  connection->answered = answered;
  if (!over && more > 0) {
    connection->goal += more * tape->sent_each;
    flush(connection);
  }
}

static void end_round_trip(void) {
  // Double the capacity at each power of two.
  if ((round_trip_count & (round_trip_count - 1)) == 0) {
    round_trips = realloc(round_trips, (round_trip_count * 2 + 1) * sizeof *round_trips);
  }
  round_trips[round_trip_count++] = (now() - polite->asked_at) * 1000;
}

static void ask_politely(const Tape *tape) {
  polite->asked_at = now();
  polite->goal += tape->sent_each;
  flush(polite);
}

static void on_polite(const Tape *tape) {
  ssize_t length = receive(polite, buffer, BUFFER);
  if (length == 0) return;
  check(tape, polite, buffer, length);
  if ((polite->received - polite->begun) % tape->expected_each > 0 || over) return;
  end_round_trip();
  ask_politely(tape);
}

static void ask_datagram(const Tape *tape, Connection *connection) {
  connection->asked++;
  connection->asked_at = now();
  const char *message = tape->sent + connection->asked % tape->messages * tape->sent_each;
  if (send(connection->fd, message, size, 0) < 0) die("send: %s", strerror(errno));
}

static void on_datagram(const Tape *tape, Connection *connection) {
  ssize_t length = recv(connection->fd, buffer, BUFFER, 0);
  if (length < 0) {
    if (errno == EAGAIN) return;
    die("recv: %s", strerror(errno));
  }
  const char *expected = tape->expected + connection->asked % tape->messages * tape->expected_each;
  if ((size_t)length != size || memcmp(buffer, expected, size) != 0) {
    if (lost == 0) die("wrong answer of %zd bytes", length);
    return; // a late answer
  }
  operations++;
  connection->answered++;
  if (!over) ask_datagram(tape, connection);
}

static void sweep_datagrams(const Tape *tape, double time) {
  for (size_t at = 0; at < count; at++) {
    if (time - connections[at].asked_at < LOST_AFTER) continue;
    lost++;
    ask_datagram(tape, &connections[at]);
  }
}

static void reconnect(Connection *connection) {
  connection->received = 0;
  open_connection(connection, 0, 1 + (int)(connection - connections));
  watch(connection, EPOLL_CTL_ADD, EPOLLOUT);
}

static void on_connecting(const Tape *tape, Connection *connection, uint32_t events) {
  size_t at = connection->asked % tape->messages * tape->sent_each;
  if (events & EPOLLOUT) {
    if (send(connection->fd, tape->sent + at, size, MSG_NOSIGNAL) != (ssize_t)size) die("write: %s", strerror(errno));
    watch(connection, EPOLL_CTL_MOD, EPOLLIN);
    return;
  }
  ssize_t length = receive(connection, buffer, size);
  if (memcmp(buffer, tape->expected + at + connection->received, length) != 0) die("wrong answer");
  connection->received += length;
  if (connection->received < size) return;
  close(connection->fd);
  connection->asked++;
  connection->answered++;
  operations++;
  if (!over) reconnect(connection);
}

// ---- chat: all others receive a talker's message as name and text, each with a header of ten bytes

static size_t record, said, chat_messages;
static char **chat_expected, **chat_sent, *hello;
static uint64_t *deliveries;
static size_t joined;
static char run[5]; // starts all names of this run: messages of an earlier one may still arrive

static void make_chat(void) {
  record = HEADER + NAME + HEADER + size;
  said = HEADER + size;
  chat_messages = 2 * in_flight + 1;
  chat_expected = calloc(talkers, sizeof *chat_expected);
  chat_sent = calloc(talkers, sizeof *chat_sent);
  deliveries = calloc(talkers, sizeof *deliveries);
  for (unsigned at = 0, pid = getpid(); at < sizeof run - 1; at++, pid /= 26) run[at] = 'a' + pid % 26;
  char head[2 * HEADER + NAME + 1];
  for (size_t talker = 0; talker < talkers; talker++) {
    chat_expected[talker] = malloc(record * chat_messages);
    chat_sent[talker] = malloc(said * chat_messages);
    for (size_t number = 0; number < chat_messages; number++) {
      char *to = chat_expected[talker] + number * record;
      snprintf(head, sizeof head, "%-10d%s%04u%-10u", NAME, run, (unsigned)talker % 10000, (unsigned)size);
      memcpy(to, head, record - size);
      fill(to + record - size, size, number, 7 + talker, 'A');
      memcpy(chat_sent[talker] + number * said, to + HEADER + NAME, said);
    }
  }
  hello = malloc(said);
  snprintf(head, sizeof head, "%-10u", (unsigned)size);
  memcpy(hello, head, HEADER);
  memset(hello + HEADER, 'h', size);
}

static void on_record(Connection *connection, const char *bytes) {
  if (memcmp(bytes + HEADER, run, sizeof run - 1) != 0) return;
  size_t from = strtoul((char[]){bytes[14], bytes[15], bytes[16], bytes[17], 0}, NULL, 10);
  if (memcmp(bytes + HEADER + NAME, hello, said) == 0) {
    if (from >= count) die("a greeting of nobody");
    if (connection == connections && !connections[from].joined) joined += connections[from].joined = 1;
    return;
  }
  if (from >= talkers) die("a message of nobody");
  uint32_t *due = &connection->next[from];
  if (memcmp(bytes, chat_expected[from] + *due * record, record) != 0) die("wrong message of member %zu", from);
  *due = (*due + 1) % chat_messages;
  connection->answered++;
  operations++;
  // All have received it, so the next one may be sent.
  if (++deliveries[from] % (count - 1) == 0 && !over) connections[from].goal += said;
}

static void on_chat(Connection *connection) {
  ssize_t length = receive(connection, connection->held + connection->held_length, BUFFER);
  size_t end = connection->held_length + length, at = 0;
  for (; end - at >= record; at += record) on_record(connection, connection->held + at);
  memmove(connection->held, connection->held + at, end - at);
  connection->held_length = end - at;
}

static int poll_once(const char *kind, const Tape *tape, int milliseconds) {
  struct epoll_event events[EVENTS];
  int ready = epoll_wait(poller, events, EVENTS, milliseconds);
  for (int at = 0; at < ready; at++) {
    Connection *connection = events[at].data.ptr;
    // Check for its answer before serving the others, so that this program does not delay it.
    if (polite != NULL) on_polite(tape);
    if (connection == polite) continue;
    if (kind[0] == 'u') on_datagram(tape, connection);
    else if (strcmp(kind, "connect") == 0) on_connecting(tape, connection, events[at].events);
    else {
      if (events[at].events & EPOLLOUT) flush(connection);
      if (events[at].events & ~EPOLLOUT) kind[1] == 'h' ? on_chat(connection) : on_stream(tape, connection);
    }
  }
  return ready;
}

// Members join one after the other. One has joined when the first member receives its greeting.
static void join_all(void) {
  char name[HEADER + NAME + 1];
  for (size_t at = 0; at < count; at++) {
    Connection *connection = &connections[at];
    connection->held = malloc(record + BUFFER);
    connection->next = calloc(talkers, sizeof *connection->next);
    server.sin_port = htons(ports[at % port_count]);
    open_connection(connection, 1, 0);
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    snprintf(name, sizeof name, "%-10d%s%04u", NAME, run, (unsigned)at % 10000);
    if (send(connection->fd, name, HEADER + NAME, MSG_NOSIGNAL) < 0) die("write: %s", strerror(errno));
    if (at == 0) joined += connection->joined = 1;
    double began = now();
    while (joined <= at) {
      // The first member may not have joined yet.
      if (send(connection->fd, hello, said, MSG_NOSIGNAL) != (ssize_t)said) die("a greeting was not sent");
      for (double until = now() + 0.2; joined <= at && now() < until;) poll_once("chat", NULL, 50);
      if (now() - began > PATIENCE) die("member %zu never joined", at);
    }
  }
  for (size_t at = 0; at < talkers; at++) {
    connections[at].out = chat_sent[at];
    connections[at].out_length = said * chat_messages;
  }
}

static int by_count(const void *one, const void *other) {
  uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
  return a < b ? -1 : a > b;
}

static int by_time(const void *one, const void *other) {
  double a = *(const double *)one, b = *(const double *)other;
  return a < b ? -1 : a > b;
}

static void print(double seconds, double cpu) {
  uint64_t *counts = calloc(count, sizeof *counts);
  for (size_t at = 0; at < count; at++) counts[at] = connections[at].answered;
  qsort(counts, count, sizeof *counts, by_count);
  printf("{\"operations\":%lu,\"seconds\":%.6f,\"cpu\":%.4f,\"lost\":%lu,\"min\":%lu,\"median\":%lu,\"max\":%lu",
         operations, seconds, cpu / seconds, lost, counts[0], counts[count / 2], counts[count - 1]);
  if (polite != NULL) {
    // The last round trip, which is incomplete, counts with its time so far.
    end_round_trip();
    qsort(round_trips, round_trip_count, sizeof *round_trips, by_time);
    printf(",\"polite\":{\"median\":%.4f,\"worst\":%.4f}", round_trips[round_trip_count / 2],
           round_trips[round_trip_count - 1]);
  }
  printf("}\n");
}

static double cpu_time(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
  if (argc < 7) die("usage: load KIND PORT CONNECTIONS SIZE IN_FLIGHT SECONDS [TALKERS]");
  const char *kind = argv[1];
  for (char *port = strtok(argv[2], ","); port != NULL && port_count < 16; port = strtok(NULL, ",")) {
    ports[port_count++] = atoi(port);
  }
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(ports[0]),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  count = atoi(argv[3]);
  size = atoi(argv[4]);
  in_flight = atoi(argv[5]);
  double duration = atof(argv[6]);
  talkers = argc > 7 ? atoi(argv[7]) : 0;
  int chat = strcmp(kind, "chat") == 0, connecting = strcmp(kind, "connect") == 0, idle = strcmp(kind, "idle") == 0;
  is_datagram = strcmp(kind, "uppercase") == 0;
  poller = epoll_create1(0);
  connections = calloc(count + 1, sizeof *connections);
  if (argc > 8 && atoi(argv[8])) polite = &connections[count];
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  Tape tape = {0};
  if (chat) make_chat();
  else tape = make_tape(kind);
  if (chat) join_all();
  else if (!connecting) {
    for (size_t at = 0; at < count + (polite != NULL); at++) {
      open_connection(&connections[at], 1, 0);
      watch(&connections[at], EPOLL_CTL_ADD, EPOLLIN);
    }
  }

  double began = now(), cpu = cpu_time(), swept = began;
  for (size_t at = 0; at < count; at++) {
    Connection *connection = &connections[at];
    if (connecting) {
      connection->asked = at;
      reconnect(connection);
    } else if (is_datagram) {
      connection->asked = at;
      ask_datagram(&tape, connection);
    } else if (chat) {
      connection->goal = at < talkers ? in_flight * said : 0;
      flush(connection);
    } else {
      // Connections start at different messages, so that an answer to another connection is a wrong answer.
      connection->sent = at % tape.messages * tape.sent_each;
      connection->received = connection->begun = at % tape.messages * tape.expected_each;
      connection->goal = connection->sent + in_flight * tape.sent_each;
      connection->out = tape.sent;
      connection->out_length = tape.sent_length;
      flush(connection);
    }
  }
  if (polite != NULL) {
    polite->out = tape.sent;
    polite->out_length = tape.sent_length;
    ask_politely(&tape);
  }

  if (idle) {
    over = 1;
    while (operations < count) if (poll_once("echo", &tape, 5000) <= 0) die("only %lu were answered", operations);
    printf("ready\n");
    fflush(stdout);
    return read(0, buffer, 1) < 0;
  }
  double time = began;
  uint64_t before = 0;
  for (double moved = began; (time = now()) - began < duration;) {
    if (poll_once(kind, &tape, 50) > 0 || operations > before) moved = time;
    before = operations;
    if (time - moved > PATIENCE) die("nothing came for %.0f s", PATIENCE);
    if (is_datagram && time - swept > LOST_AFTER / 4) sweep_datagrams(&tape, swept = time);
    if (chat) for (size_t at = 0; at < talkers; at++) if (connections[at].sent < connections[at].goal) flush(&connections[at]);
  }
  print(time - began, cpu_time() - cpu);
  // Wait for messages in flight, as closing now would reset connections.
  over = 1;
  while (poll_once(kind, &tape, 50) > 0 && now() - time < 5) {}
  return 0;
}

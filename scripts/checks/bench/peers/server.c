// The reference: one epoll loop that serves echo, delimited, uppercase or chat on a free loopback port.
// server echo|delimited|uppercase|chat prints its port. It does not check UTF-8.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 512, BUFFER = 256 * 1024, HEADER = 10, LONGEST = 1024 * 1024, MOST_BEHIND = 16 * 1024 * 1024 };

typedef struct { char *bytes; size_t length, capacity; } Bytes;

typedef struct Client {
  int fd, blocked, dirty, ending;
  Bytes in;   // the start of an incomplete message
  Bytes out;  // bytes that the socket did not accept yet
  Bytes name; // chat: with its header
  size_t place; // chat: its index in the room
} Client;

static int poller, listener;
static char buffer[BUFFER];
static Client **room, **dirty_clients;
static size_t members, dirty_count, capacity;

static void append(Bytes *to, const char *bytes, size_t length) {
  if (to->length + length > to->capacity) {
    to->capacity = (to->length + length) * 2;
    to->bytes = realloc(to->bytes, to->capacity);
  }
  memcpy(to->bytes + to->length, bytes, length);
  to->length += length;
}

static void drop(Bytes *from, size_t length) {
  from->length -= length;
  memmove(from->bytes, from->bytes + length, from->length);
}

static void watch(Client *client, int operation, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = client};
  epoll_ctl(poller, operation, client->fd, &event);
}

static void leave(Client *client) {
  close(client->fd);
  if (client->name.length > 0) (room[client->place] = room[--members])->place = client->place;
  if (client->dirty) for (size_t at = 0; at < dirty_count; at++) if (dirty_clients[at] == client) dirty_clients[at] = NULL;
  free(client->in.bytes), free(client->out.bytes), free(client->name.bytes), free(client);
}

// Stops reading from a client that does not read. 0 if the connection is broken.
static int write_all(Client *client, const char *bytes, size_t length) {
  ssize_t written = client->out.length > 0 ? 0 : send(client->fd, bytes, length, MSG_NOSIGNAL);
  if (written < 0 && errno != EAGAIN) return 0;
  if (written < 0) written = 0;
  if ((size_t)written == length) return 1;
  append(&client->out, bytes + written, length - written);
  if (!client->blocked) watch(client, EPOLL_CTL_MOD, EPOLLOUT);
  client->blocked = 1;
  return 1;
}

static int flush(Client *client) {
  ssize_t written = send(client->fd, client->out.bytes, client->out.length, MSG_NOSIGNAL);
  if (written < 0) return errno == EAGAIN;
  drop(&client->out, written);
  if (client->out.length > 0 || !client->blocked) return 1;
  watch(client, EPOLL_CTL_MOD, EPOLLIN), client->blocked = 0;
  return !client->ending;
}

static int echo(Client *client, const char *bytes, size_t length) {
  return write_all(client, bytes, length);
}

// Echoes all lines of a read in one write.
static int delimited(Client *client, const char *bytes, size_t length) {
  const char *last = memrchr(bytes, '\n', length);
  if (last == NULL) {
    append(&client->in, bytes, length);
    return client->in.length <= LONGEST;
  }
  size_t whole = last + 1 - bytes;
  append(&client->in, bytes, client->in.length > 0 ? whole : 0);
  char *lines = client->in.length > 0 ? client->in.bytes : (char *)bytes;
  size_t end = client->in.length > 0 ? client->in.length : whole;
  if (memchr(lines, '\r', end) != NULL) {
    size_t kept = 0;
    for (size_t at = 0; at < end; at++) if (lines[at] != '\r' || lines[at + 1] != '\n') lines[kept++] = lines[at];
    end = kept;
  }
  int good = write_all(client, lines, end);
  client->in.length = 0;
  append(&client->in, bytes + whole, length - whole);
  return good;
}

static void say(Client *from, const char *message, size_t length) {
  for (size_t at = 0; at < members; at++) {
    Client *to = room[at];
    if (to == from) continue;
    append(&to->out, from->name.bytes, from->name.length);
    append(&to->out, message, length);
    if (!to->dirty) dirty_clients[dirty_count++] = to;
    to->dirty = 1;
  }
}

// Writes all messages of one turn of the loop to a member at once.
static void flush_dirty(void) {
  for (size_t at = 0; at < dirty_count; at++) {
    Client *client = dirty_clients[at];
    if (client == NULL) continue;
    client->dirty = 0;
    if (client->blocked) {
      if (client->out.length > MOST_BEHIND) leave(client);
    } else if (!flush(client)) {
      leave(client);
    } else if (client->out.length > 0) {
      watch(client, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT), client->blocked = 1;
    }
  }
  dirty_count = 0;
}

static int chat(Client *client, const char *bytes, size_t length) {
  int held = client->in.length > 0;
  if (held) append(&client->in, bytes, length), bytes = client->in.bytes, length = client->in.length;
  size_t at = 0;
  while (length - at >= HEADER) {
    char header[HEADER + 1] = {0}, *end;
    memcpy(header, bytes + at, HEADER);
    if (strspn(header, " 0123456789") < HEADER) return 0;
    unsigned long payload = strtoul(header, &end, 10);
    if (end == header || end[strspn(end, " ")] != 0 || payload > LONGEST) return 0;
    if (length - at - HEADER < payload) break;
    if (client->name.length > 0) {
      say(client, bytes + at, HEADER + payload);
    } else {
      if (payload == 0) return 0;
      append(&client->name, bytes + at, HEADER + payload);
      if (members == capacity) {
        capacity = capacity * 2 + 64;
        room = realloc(room, capacity * sizeof *room);
        dirty_clients = realloc(dirty_clients, capacity * sizeof *dirty_clients);
      }
      room[client->place = members++] = client;
    }
    at += HEADER + payload;
  }
  if (held) drop(&client->in, at);
  else append(&client->in, bytes + at, length - at);
  return 1;
}

static void accept_all(void) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Client *client = calloc(1, sizeof *client);
    client->fd = fd;
    watch(client, EPOLL_CTL_ADD, EPOLLIN);
  }
}

static void serve_tcp(int (*handle)(Client *, const char *, size_t)) {
  poller = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int ready = epoll_wait(poller, events, EVENTS, -1);
    for (int at = 0; at < ready; at++) {
      Client *client = events[at].data.ptr;
      if (client == NULL) {
        accept_all();
        continue;
      }
      if (events[at].events & EPOLLOUT && !flush(client)) {
        leave(client);
        continue;
      }
      if (!(events[at].events & ~EPOLLOUT)) continue;
      ssize_t length = recv(client->fd, buffer, BUFFER, 0);
      if (length < 0 && errno == EAGAIN) continue;
      // The last line may lack its newline, and pending output must still be written.
      if (length == 0 && handle == delimited && client->in.length > 0) handle(client, "\n", 1);
      client->ending = length == 0 && client->out.length > 0;
      if (client->ending) continue;
      if (length <= 0 || !handle(client, buffer, length)) leave(client);
    }
    flush_dirty();
  }
}

static void serve_udp(void) {
  for (;;) {
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t length = recvfrom(listener, buffer, BUFFER, 0, (struct sockaddr *)&from, &size);
    if (length < 0) continue;
    for (ssize_t at = 0; at < length; at++) buffer[at] -= (unsigned char)(buffer[at] - 'a') < 26 ? 32 : 0;
    sendto(listener, buffer, length, 0, (struct sockaddr *)&from, size);
  }
}

int main(int argc, char **argv) {
  const char *service = argc > 1 ? argv[1] : "";
  int udp = strcmp(service, "uppercase") == 0;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  listener = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(listener, (struct sockaddr *)&address, size) < 0 || (!udp && listen(listener, 511) < 0)) return 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  if (udp) serve_udp();
  serve_tcp(strcmp(service, "chat") == 0 ? chat : strcmp(service, "delimited") == 0 ? delimited : echo);
}

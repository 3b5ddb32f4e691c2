// The same services for Node and Bun: server.mjs echo|delimited|uppercase|chat prints its port.
// It does not check UTF-8.
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const HEADER = 10;
const LONGEST = 1024 * 1024;
const NEWLINE = 10;
const RETURN = 13;

/** Writes, and stops reading from a client that does not read. */
function write(socket, bytes) {
  if (socket.write(bytes)) return;
  socket.pause();
  socket.once("drain", () => socket.resume());
}

function echo(socket) {
  socket.on("data", (chunk) => write(socket, chunk));
  socket.on("end", () => socket.end());
}

function delimited(socket) {
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      rest = Buffer.concat([rest, chunk]);
      if (rest.length > LONGEST) socket.destroy();
      return;
    }
    const lines = chunk.subarray(0, end);
    write(socket, withoutReturns(rest.length > 0 ? Buffer.concat([rest, lines]) : lines));
    rest = chunk.subarray(end);
  });
  socket.on("end", () => rest.length > 0 ? socket.end(Buffer.concat([rest, Buffer.from("\n")])) : socket.end());
}

function withoutReturns(lines) {
  if (!lines.includes(RETURN)) return lines;
  return lines.filter((byte, at) => byte !== RETURN || lines[at + 1] !== NEWLINE);
}

/** The members of the chat, and the messages since the last write to them. */
const members = new Set();
let said = [];

function chat(socket) {
  let rest = Buffer.alloc(0);
  let name;
  socket.on("data", (chunk) => {
    const data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    while (data.length - at >= HEADER) {
      const header = data.latin1Slice(at, at + HEADER);
      const length = Number(header);
      if (!/^ *\d+ *$/.test(header) || length > LONGEST) return socket.destroy();
      const end = at + HEADER + length;
      if (end > data.length) break;
      const message = data.subarray(at, end);
      if (name !== undefined) say(socket, name, message);
      else {
        name = message;
        members.add(socket);
      }
      at = end;
    }
    rest = data.subarray(at);
  });
  socket.on("end", () => socket.end());
  socket.on("close", () => members.delete(socket));
}

function say(from, name, message) {
  if (said.length === 0) setImmediate(flush);
  said.push({ from, bytes: Buffer.concat([name, message]) });
}

/** Writes all messages of one turn of the loop to each member at once. */
function flush() {
  const round = said;
  said = [];
  const talkers = new Set(round.map(({ from }) => from));
  const all = Buffer.concat(round.map(({ bytes }) => bytes));
  for (const member of members) {
    if (!talkers.has(member)) member.write(all);
    else {
      const others = round.filter(({ from }) => from !== member).map(({ bytes }) => bytes);
      if (others.length > 0) member.write(Buffer.concat(others));
    }
  }
}

function uppercase() {
  const socket = createSocket("udp4");
  socket.on("message", (datagram, { port, address }) => {
    for (let at = 0; at < datagram.length; at++) {
      const byte = datagram[at];
      if (byte >= 0x61 && byte <= 0x7a) datagram[at] = byte ^ 0x20;
    }
    socket.send(datagram, port, address);
  });
  socket.bind(0, "127.0.0.1", () => console.log(socket.address().port));
}

const service = process.argv[2];
if (service === "uppercase") {
  uppercase();
} else {
  const serve = { echo, delimited, chat }[service];
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    serve(socket);
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: 511 }, () => console.log(server.address().port));
}

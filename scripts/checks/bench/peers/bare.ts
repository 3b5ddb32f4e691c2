// The bare runtime, without limits, deadlines or a log: bare.ts echo|lines|uppercase prints its port.

const MOST = 262_144;
const ANSWER = "Hello Node!\n";

async function serve(socket: Deno.TcpConn, reply: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>) {
  socket.setNoDelay(true);
  let buffer = new Uint8Array(1024);
  try {
    for (let length; (length = await socket.read(buffer)) !== null;) {
      let rest = reply(buffer.subarray(0, length));
      while (rest.length > 0) rest = rest.subarray(await socket.write(rest));
      if (length === buffer.length && length < MOST) buffer = new Uint8Array(4 * length);
    }
  } catch {
    // The client aborted the connection.
  }
  socket.close();
}

/** One answer for each newline, all in one write. */
function answerLines(): (bytes: Uint8Array) => Uint8Array<ArrayBuffer> {
  const answers = new TextEncoder().encode(ANSWER.repeat(MOST));
  return (bytes) => {
    let lines = 0;
    for (let at = 0; at < bytes.length; at++) if (bytes[at] === 10) lines++;
    return answers.subarray(0, lines * ANSWER.length);
  };
}

if (Deno.args[0] === "uppercase") {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  console.log((socket.addr as Deno.NetAddr).port);
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const [datagram, from] = await socket.receive(buffer);
    for (let at = 0; at < datagram.length; at++) {
      const byte = datagram[at]!;
      if (byte >= 0x61 && byte <= 0x7a) datagram[at] = byte ^ 0x20;
    }
    await socket.send(datagram, from);
  }
} else {
  const reply = Deno.args[0] === "lines" ? answerLines() : (bytes: Uint8Array<ArrayBuffer>) => bytes;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 511 });
  console.log(listener.addr.port);
  for (;;) serve(await listener.accept(), reply);
}

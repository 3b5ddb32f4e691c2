// What the runtime alone can do: bare.ts echo|uppercase prints its port. No limit, no deadline, no log.

async function echo(socket: Deno.TcpConn): Promise<void> {
  socket.setNoDelay(true);
  let buffer = new Uint8Array(1024);
  try {
    for (let length; (length = await socket.read(buffer)) !== null;) {
      let rest = buffer.subarray(0, length);
      while (rest.length > 0) rest = rest.subarray(await socket.write(rest));
      if (length === buffer.length && length < 262_144) buffer = new Uint8Array(4 * length);
    }
  } catch {
    // The client broke it off.
  }
  socket.close();
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
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 511 });
  console.log(listener.addr.port);
  for (;;) echo(await listener.accept());
}

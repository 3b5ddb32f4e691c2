// Another program, which uses everything that is exported: it sees neither the import map nor lib/std.d.ts.
import { decimalHeader, text } from "@wirebench/wirebench/framing";
import { connectTcp, framed } from "@wirebench/wirebench/net";
import { Log } from "@wirebench/wirebench/log";
import { parseCommandLine } from "@wirebench/wirebench/cli";
import { serveChat } from "@wirebench/wirebench/chat";
import { serveClock } from "@wirebench/wirebench/clock";
import { serveDelimited } from "@wirebench/wirebench/delimited";
import { serveDispatch } from "@wirebench/wirebench/dispatch";
import { serveEcho } from "@wirebench/wirebench/echo";
import { serveExchange } from "@wirebench/wirebench/exchange";
import { serveFixed } from "@wirebench/wirebench/fixed";
import { serveLines } from "@wirebench/wirebench/lines";
import { serveObjects } from "@wirebench/wirebench/objects";
import { serveProxy } from "@wirebench/wirebench/proxy";
import { serveSixteen } from "@wirebench/wirebench/sixteen";
import { serveTagged } from "@wirebench/wirebench/tagged";
import { serveUdpChat } from "@wirebench/wirebench/udp-chat";
import { serveUppercase } from "@wirebench/wirebench/uppercase";

const servers = [
  serveChat({ port: 0 }),
  serveClock({ port: 0 }),
  serveDelimited({ port: 0 }),
  await serveDispatch({ port: 0 }),
  serveEcho({ port: 0 }),
  serveExchange({ port: 0 }),
  serveFixed({ port: 0 }),
  serveLines({ port: 0 }),
  serveObjects({ port: 0 }),
  serveSixteen({ port: 0 }),
  serveTagged({ port: 0 }),
  serveUdpChat({ port: 0, reply: () => "fine" }),
  serveUppercase({ port: 0 }),
];
{
  const to = `tcp://127.0.0.1:${servers[1]!.addr.port}`;
  await using proxy = await serveProxy({ listen: "tcp://127.0.0.1:0", to, cut: 1 });
  using connection = await connectTcp({ port: proxy.addr.port });
  new Log("Client").info("not shown: this program configures no log");
  parseCommandLine({ name: "x", summary: "Does x.", options: {} }, []);
  console.log(await framed(connection, text(decimalHeader())).receive());
}
for (const server of servers) await server.shutdown();

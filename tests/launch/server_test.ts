import {
  certificatesIn,
  grantsOf,
  runClient,
  runServer,
  ServerProcess,
  SERVICES,
  temporaryFolder,
} from "../harness.ts";
import { assertEquals, assertMatch } from "@std/assert";

/** Arguments that a server needs to run without a terminal. */
const REQUIRED: Record<string, string[]> = { "udp-chat": ["--reply", "fine"] };

for (const service of SERVICES) {
  Deno.test(`${service}:server says in one line why it cannot listen`, async () => {
    await using server = await ServerProcess.start(service, { args: REQUIRED[service] ?? [] });
    const used = await runServer(service, ["--port", String(server.port)]);
    assertEquals([used.code, used.stdout], [1, ""]);
    assertMatch(used.stderr, new RegExp(`^${service}:server: 127\\.0\\.0\\.1:${server.port} is in use: [^\n]*\n$`));
    const outside = await runServer(service, ["--host", "0.0.0.0"]);
    assertEquals([outside.code, outside.stdout], [1, ""]);
    assertMatch(
      outside.stderr,
      /^[a-z-]+:server: The sandbox of [^\n]* does not allow 0\.0\.0\.0:\d+; to allow it on purpose: [^\n]*\n$/,
    );
  });
}

for (const service of ["echo", "uppercase"]) {
  Deno.test(`${service}:server says in one line that an address is not one of the machine, or does not resolve`, async () => {
    const elsewhere = await runServer(service, ["--host", "192.0.2.1", "--port", "0"], {
      permissions: ["--allow-net"],
    });
    assertMatch(elsewhere.stderr, /^[a-z-]+:server: 192\.0\.2\.1:0 is not an address of this machine\n$/);
    const unknown = await runServer(service, ["--host", "nobody.invalid", "--port", "0"], {
      permissions: ["--allow-net"],
    });
    assertMatch(unknown.stderr, /^[a-z-]+:server: Cannot resolve [^\n]*\n$/);
    assertEquals([elsewhere.code, unknown.code], [1, 1]);
  });
}

Deno.test("invalid certificates are reported in one line", async () => {
  using folder = temporaryFolder();
  const { serverArgs: [, cert, , keyFile] } = await certificatesIn(folder.path);
  const permissions = [...grantsOf("echo", "server"), `--allow-read=${folder.path}`];
  const cases: [args: string[], code: number, stderr: RegExp][] = [
    [["--tls-cert", cert!], 2, /--tls-cert and --tls-key go together/],
    [
      ["--tls-cert", keyFile!, "--tls-key", keyFile!],
      1,
      /^echo:server: Cannot read the certificate: expected a certificate in PEM/,
    ],
    [
      ["--tls-cert", cert!, "--tls-key", cert!],
      1,
      /^echo:server: Cannot read the private key: expected a private key in PEM/,
    ],
    [["--tls-cert", `${folder.path}/none`, "--tls-key", keyFile!], 1, /there is no such file; deno task certs/],
    [["--allow", "10.0.0.0/8", "--unix", "/tmp/x"], 2, /--unix and --allow do not go together/],
    [["--backlog", "3", "--unix", "/tmp/x"], 2, /--unix and --backlog do not go together/],
    [["--max-per-address", "3", "--unix", "/tmp/x"], 2, /--unix and --max-per-address do not go together/],
    [["--tls-cert", cert!, "--tls-key", keyFile!, "--unix", "/tmp/x"], 2, /--unix and --tls-cert do not go together/],
  ];
  for (const [args, code, stderr] of cases) {
    const result = await runServer("echo", args, { permissions });
    assertMatch(result.stderr, stderr);
    assertEquals([result.code, result.stderr.trim().split("\n").length], [code, 1], result.stderr);
  }
  const client = await runClient("echo", ["--tls-ca", keyFile!, "--port", "1"], "", {
    permissions: [...grantsOf("echo", "client"), `--allow-read=${folder.path}`],
  });
  assertEquals(client.code, 1);
});

Deno.test("--workers is rejected where it is not available", async () => {
  const chat = await runServer("chat", ["--workers", "2"]);
  assertEquals([chat.code, chat.stderr.split("\n").length], [2, 2]);
  assertMatch(chat.stderr, /^chat:server: Unknown option --workers/);
  const unix = await runServer("echo", ["--workers", "2", "--unix", "/tmp/wirebench-echo.sock"]);
  assertEquals(unix.code, 2);
  assertMatch(unix.stderr, /^echo:server: --unix and --workers do not go together; see [^\n]*\n$/);
  // The error names all paths, since a flag replaces the list of the set.
  const elsewhere = await runServer("echo", ["--workers", "2", "--tls-cert", "/tmp/c.pem", "--tls-key", "/tmp/k.pem"]);
  assertEquals(elsewhere.code, 1);
  assertMatch(elsewhere.stderr, /--allow-read=\/tmp\/c\.pem,\/tmp\/k\.pem,[^ ]*\/lib\/,[^ ]*\/echo\/ services\/echo/);
});

/** A program of somebody else, which says no more about itself than it must. */
const PROGRAM = `
import { port } from "@wirebench/wirebench/cli";
import { runClient, runTcpServer } from "@wirebench/wirebench/launch";
import { connectTcp, serveTcp } from "@wirebench/wirebench/net";

const [side] = Deno.args.splice(0, 1);
if (side === "client") {
  await runClient({ name: "ask", summary: "Asks.", port: 7 }, async ({ target }) => {
    using _connection = await connectTcp(target);
  });
} else {
  const usage = side === "named" ? "deno run -A quote.ts" : undefined;
  const advice = side === "named" ? { grant: (flags) => "deno run " + flags + " quote.ts" } : undefined;
  runTcpServer({ name: "quote", usage, advice, summary: "Quotes.", port: 0, options: { other: port("x", 9, 0) } }, (options) => {
    if (side === "keys") console.log(Object.keys(options).filter((name) => /^(max|idle|path|tls)/.test(name)).sort().join());
    const server = serveTcp(options, () => {});
    server.shutdown();
    return server;
  });
}
`;

Deno.test("a program of somebody else is called by its own name, and is given no advice about tasks", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/quote.ts`, PROGRAM);
  async function quote(...args: string[]): Promise<string> {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "--allow-net=127.0.0.1", `${folder.path}/quote.ts`, ...args],
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  }
  assertMatch(await quote("plain", "--help"), /^Usage: quote \[options\]$/m);
  assertMatch(await quote("named", "--help"), /^Usage: deno run -A quote\.ts \[options\]$/m);
  assertEquals(await quote("plain", "--nope"), "quote: Unknown option --nope; see quote --help\n");
  const outside = "quote: The sandbox of quote does not allow 0.0.0.0:7; to allow it on purpose";
  assertEquals(await quote("plain", "--host", "0.0.0.0", "--port", "7"), `${outside}, add --allow-net=0.0.0.0:7\n`);
  assertEquals(
    await quote("named", "--host", "0.0.0.0", "--port", "7"),
    `${outside}: deno run --allow-net=0.0.0.0:7 quote.ts ...\n`,
  );
  assertEquals(
    await quote("client", "--port", "1"),
    "ask: Nobody listens at 127.0.0.1:1: start the server, or check --host and --port\n",
  );
});

Deno.test("a server is given the options of the command line, and has the defaults of the others itself", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/quote.ts`, PROGRAM);
  async function keys(...args: string[]): Promise<string | undefined> {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "--allow-net=127.0.0.1", `${folder.path}/quote.ts`, "keys", ...args],
    }).output();
    return new TextDecoder().decode(stdout).split("\n")[0];
  }
  assertEquals(await keys(), "");
  assertEquals(
    await keys("--max-message", "5", "--max-per-address", "3"),
    "maxConnectionsPerAddress,maxMessage",
  );
});

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  choice,
  flag,
  helpText,
  host,
  integer,
  optional,
  parseCommandLine,
  percent,
  port,
  range,
  seconds,
  secondsRange,
  UsageError,
} from "@wirebench/wirebench/cli";
import { addresses, endpoint } from "@wirebench/wirebench/launch";
import { parseEndpoint } from "../../lib/net/endpoint.ts";

const command = {
  name: "x:server",
  summary: "Does x.",
  operands: { usage: "[A] [B]", help: "Two of them", most: 2 },
  options: {
    host: host("Where"),
    port: port("Which", 7, 0),
    maxMessage: integer("BYTES", "How long", 10, { least: 1, most: 100 }),
    idleTimeout: seconds("How long to wait", 300_000, { zero: Infinity }),
    timeout: seconds("How long to wait at most", 10_000),
    log: choice("Form", ["text", "json"], "text"),
    cut: range("BYTES", "Into pieces", 1),
    delay: secondsRange("How late"),
    lose: percent("How many are lost", 0),
    rate: optional(integer("BYTES", "How fast", 5, { least: 1 })),
    at: endpoint("Where from"),
    loud: flag("Say it loudly"),
    to: addresses("Whom to"),
  },
};

Deno.test("parseCommandLine() reads options by their table, and fills in defaults", () => {
  const defaults = {
    host: "127.0.0.1",
    port: 7,
    maxMessage: 10,
    idleTimeout: 300_000,
    timeout: 10_000,
    log: "text" as const,
    cut: undefined,
    delay: undefined,
    lose: 0,
    rate: undefined,
    at: undefined,
    loud: false,
    to: [] as { hostname: string; port: number }[],
  };
  assertEquals(parseCommandLine(command, []), { values: defaults, operands: [], help: false });
  const args = ["a", "--port", "0", "--max-message=100", "--idle-timeout", "0", "--timeout", ".5", "--loud", "b"];
  assertEquals(parseCommandLine(command, args), {
    values: { ...defaults, port: 0, maxMessage: 100, idleTimeout: Infinity, timeout: 500, loud: true },
    operands: ["a", "b"],
    help: false,
  });
  assertEquals(parseCommandLine(command, ["--host", "[::1]", "--", "-", "--loud"]).operands, ["-", "--loud"]);
  assertEquals(parseCommandLine(command, ["-", "12"]).operands, ["-", "12"]);
  assertEquals(parseCommandLine(command, ["--to", "a:1", "--to", "[::1]:2"]).values.to, [
    { hostname: "a", port: 1 },
    { hostname: "::1", port: 2 },
  ]);
  assertEquals(parseCommandLine(command, ["--port", "1", "--port", "2"]).values.port, 2);
  const { cut, delay, lose, rate } =
    parseCommandLine(command, ["--cut", "3", "--delay", "0.5-1", "--lose", "2.5", "--rate", "7"]).values;
  assertEquals([cut, delay, lose, rate], [[3, 3], [500, 1000], 2.5, 7]);
  assertEquals(parseEndpoint("tcp://localhost:0"), { transport: "tcp", hostname: "localhost", port: 0 });
  assertEquals(parseEndpoint("udp://[::1]:80"), { transport: "udp", hostname: "::1", port: 80 });
  assertEquals(parseEndpoint("unix:/run/a b.sock"), { transport: "unix", path: "/run/a b.sock" });
  // The word after a flag is not its value.
  assertEquals(parseCommandLine(command, ["--loud", "true"]).operands, ["true"]);
  assertEquals(parseCommandLine(command, ["--loud=false"]).values.loud, false);
});

/** Wrong command lines, and the error for each. */
const WRONG: [args: string[], words: string][] = [
  [["--nope"], "Unknown option --nope"],
  [["-x"], "Unknown option -x"],
  [["-hello"], "Unknown option -hello"],
  [["--loud=maybe"], "--loud takes no value"],
  [["--prot", "80"], "Unknown option --prot"],
  [["--port"], "--port needs a value: PORT"],
  [["--port", "--loud"], "--port needs a value: PORT"],
  [["--port="], "--port needs a value: PORT"],
  [["--port", "80x"], '--port: expected an integer from 0 to 65535, got "80x"'],
  [["--port", "65536"], '--port: expected an integer from 0 to 65535, got "65536"'],
  [["--port", "1e3"], '--port: expected an integer from 0 to 65535, got "1e3"'],
  [["--port", "0x50"], '--port: expected an integer from 0 to 65535, got "0x50"'],
  [["--max-message", "0"], '--max-message: expected an integer from 1 to 100, got "0"'],
  [["--timeout", "0"], '--timeout: expected seconds above 0, got "0"'],
  [["--timeout", "-5"], '--timeout: expected seconds above 0, got "-5"'],
  [["--port", "-1"], '--port: expected an integer from 0 to 65535, got "-1"'],
  [["--host", "127.0.0.1:99"], '--host: expected a host name or address, got "127.0.0.1:99"'],
  [["--host", "[::1"], '--host: expected a host name or address, got "[::1"'],
  [["--timeout", "1s"], '--timeout: expected seconds above 0, got "1s"'],
  [["--log", "xml"], '--log: expected text or json, got "xml"'],
  [["--host", "a b"], '--host: expected a host name or address, got "a b"'],
  [["--to", "localhost"], '--to: expected HOST:PORT, got "localhost"'],
  [["--to", "localhost:0"], '--to: expected HOST:PORT, got "localhost:0"'],
  [["--cut", "0"], '--cut: expected N or N-M, integers of 1 or more, got "0"'],
  [["--cut", "7-1"], '--cut: expected N or N-M, integers of 1 or more, got "7-1"'],
  [["--cut", "1-"], '--cut: expected N or N-M, integers of 1 or more, got "1-"'],
  [["--delay", "1-0.5"], '--delay: expected seconds, as 0.5 or 0.01-0.05, got "1-0.5"'],
  [["--lose", "100.1"], '--lose: expected a number from 0 to 100, got "100.1"'],
  ...["127.0.0.1:1", "tcp://1:65536", "tcp:///x", "http://a:1", "unix:a", "unix:/", "tcp://::1:1"].map((
    wrong,
  ): [string[], string] => [
    ["--at", wrong],
    `--at: expected tcp://HOST:PORT, udp://HOST:PORT or unix:/PATH, got "${wrong}"`,
  ]),
  [["a", "b", "c"], 'Unexpected argument "c": expected [A] [B]'],
  [["--__proto__", "x"], "Unknown option --__proto__"],
];

Deno.test("a letter stands for an option, in the arguments and in the help", () => {
  const short = { ...command, options: { ...command.options, host: { ...command.options.host, short: "o" } } };
  assertEquals(parseCommandLine(short, ["a", "-o", "there", "b"]).values.host, "there");
  assertEquals(parseCommandLine(short, ["-o", "there", "-h"]).help, true);
  assertMatch(helpText(short), /\n {2}-o, --host HOST /);
  const wrong: [args: string[], words: string][] = [[["-o"], "--host needs a value: HOST"], [
    ["-oh"],
    "Unknown option -oh",
  ]];
  for (const [args, words] of wrong) {
    assertEquals(assertThrows(() => parseCommandLine(short, args), UsageError).message, words);
  }
});

Deno.test("wrong usage is reported with what was expected and what was received", () => {
  for (const [args, words] of WRONG) {
    assertEquals(assertThrows(() => parseCommandLine(command, args), UsageError).message, words);
  }
});

Deno.test("help shows every option with its default", () => {
  const help = helpText(command);
  assertMatch(help, /^Does x\.\n\nUsage: x:server \[options\] \[A\] \[B\]\n/);
  for (
    const [option, value] of [["--host HOST", "127.0.0.1"], ["--port PORT", "7"], ["--idle-timeout SECONDS", "300"]]
  ) {
    assertMatch(help, new RegExp(`${option} .*\\(default ${value!.replaceAll(".", "\\.")}\\)`));
  }
  assertMatch(help, /--to HOST:PORT .*may be given again/);
  assertMatch(help, /--loud +Say it loudly\n/);
  assertMatch(help, /--rate BYTES +How fast\n/);
  assertMatch(helpText({ ...command, example: ["For one", "deno task x"] }), /\n\nFor one:\n {2}deno task x$/);
});

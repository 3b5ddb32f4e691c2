import { assertMatch } from "@std/assert";
import { explain } from "@wirebench/wirebench/launch";
import { task } from "../../lib/launch/task.ts";

Deno.test("an error is one line that says what to do", () => {
  const attempt = { ...task("echo:client"), address: "127.0.0.1:7" };
  const cases: [error: unknown, words: RegExp][] = [
    [
      new Deno.errors.ConnectionRefused("os error 111"),
      /Nobody listens at 127\.0\.0\.1:7: start the server with deno task echo:server/,
    ],
    [new Deno.errors.AddrInUse("os error 98"), /127\.0\.0\.1:7 is in use: .* --port/],
    [new Deno.errors.AddrNotAvailable("os error 99"), /not an address of this machine/],
    [new Deno.errors.PermissionDenied("os error 13"), /--port above 1023/],
    [
      new Error("failed to lookup address information: Name or service not known"),
      /Cannot resolve the host of 127\.0\.0\.1:7: check --host/,
    ],
    [
      new Deno.errors.NotCapable('Requires net access to "10.0.0.1:7", run again with the --allow-net flag'),
      /does not allow 10\.0\.0\.1:7; .* deno run -P=echo-client --allow-net=10\.0\.0\.1:7 services\/echo\/client\.ts/,
    ],
    [
      new Deno.errors.NotCapable('Requires net access to "unix:/run/a,127.0.0.1:7"'),
      /--allow-read=\/run\/a --allow-write=\/run\/a --allow-net=unix:\/run\/a,127\.0\.0\.1:7 services\/echo\/client\.ts/,
    ],
    [new Error("first\nsecond"), /^Error: first second$/],
  ];
  for (const [error, words] of cases) assertMatch(explain(error, attempt), words);
});

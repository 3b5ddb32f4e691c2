import { assert, assertEquals, assertMatch } from "@std/assert";
import { bytes, runClient, runServer, temporaryFolder, textOf } from "./harness.ts";

const root = new URL("..", import.meta.url);
const config = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root)));
const sets: Record<string, Record<string, string[]>> = config.permissions;
const programs = Object.keys(sets).filter((name) => /(?<!^judge)-(server|client)$/.test(name));

/** The flags for all grants of a set except one. */
function flagsWithout(set: string, kind: string, grant: string): string[] {
  return Object.entries(sets[set]!).flatMap(([name, grants]) => {
    const left = grants.filter((each) => name !== kind || each !== grant);
    return left.length === 0 ? [] : [`--allow-${name}=${left.join(",")}`];
  });
}

/** Arguments with which a program needs a grant. */
function argsNeeding(set: string, kind: string, grant: string): string[] {
  if (/\.sock$/.test(grant)) return ["--unix", grant.replace("unix:", "")];
  if (grant === "certs") return ["--tls-cert", "certs/localhost.pem", "--tls-key", "certs/localhost-key.pem"];
  if (grant === "certs/ca.pem") return ["--tls-ca", grant];
  if (kind === "read") return set === "dispatch-server" ? ["--mode", "workers"] : ["--workers", "2", "--port", "0"]; // It reads its own source.
  const hosts: Record<string, string> = { "127.0.0.0/8": "127.0.0.1", "[::1]": "::1", localhost: "localhost" };
  return ["--host", hosts[grant]!, "--port", set.endsWith("client") ? "1" : "0"];
}

/** The arguments that a program requires. */
function requiredArgs(set: string): string[] {
  return { "chat-client": ["--name", "x"], "uppercase-client": ["x"], "udp-chat-client": ["x"] }[set] ?? [];
}

for (const set of programs) {
  const [, service, side] = /^(.*)-(server|client)$/.exec(set)!;
  Deno.test(`${service}:${side} fails in one line with any one grant fewer`, async () => {
    const start = side === "server"
      ? runServer
      : (service: string, args: string[], options: { permissions: string[] }) => runClient(service, args, "", options);
    const { import: _, ...granted } = sets[set]!; // It grants no imports.
    const grants = Object.entries(granted).flatMap(([kind, list]) => list.map((grant) => [kind, grant] as const));
    assert(grants.length >= 3);
    await Promise.all(grants.map(async ([kind, grant]) => {
      const args = [...argsNeeding(set, kind, grant), ...requiredArgs(set!)];
      const { code, stderr } = await start(service!, args, { permissions: flagsWithout(set, kind, grant) });
      assertEquals(code, 1, `${kind} ${grant}: ${stderr}`);
      const line = stderr.trim().split("\n").at(-1)!;
      assertMatch(line, new RegExp(`^${service}:${side}: .*(sandbox|Requires ${kind} access)`), `${kind} ${grant}`);
      assert(!/^\s+at /m.test(stderr), stderr);
    }));
  });
}

/** Operations that no sandbox of a service allows. */
const FORBIDDEN: [name: string, attempt: string][] = [
  ["to read a file", 'Deno.readTextFileSync("/etc/hostname")'],
  ["to read the project", 'Deno.readTextFileSync("README.md")'],
  ["to write a file", 'Deno.writeTextFileSync("written", "")'],
  ["to list a folder", '[...Deno.readDirSync("/tmp")]'],
  ["to read the environment", 'Deno.env.get("HOME")'],
  ["to run a program", 'new Deno.Command("true").outputSync()'],
  ["to listen on all interfaces", 'Deno.listen({ hostname: "0.0.0.0", port: 0 })'],
  ["to connect to another host", 'await Deno.connect({ hostname: "192.0.2.1", port: 80 })'],
  ["to listen at another Unix socket", 'Deno.listen({ transport: "unix", path: "/tmp/wirebench-none.sock" })'],
  ["to ask the system about the machine", "Deno.osRelease()"],
  ["to load native code", 'Deno.dlopen("/usr/lib/libc.so", {})'],
  ["to import from a host that Deno allows by default", "await import(`https://esm.sh/x?said=secret`)"],
  ["to import by a name known at run time alone", 'await import(["https:", "", "deno.land", "x.ts"].join("/"))'],
  ["to import from any other host", "await import(`https://nobody.invalid/x.ts`)"],
  ["to import from this machine", "await import(`http://127.0.0.1:80/x.ts`)"],
  ["to import from JSR", "await import(`jsr:@wirebench/nothing@1`)"],
  ["to import in code of its own", 'await import(`data:text/javascript,import "https://esm.sh/x"`)'],
];

/** Tries operations in a sandbox, and returns "allowed" or the error message of each. */
async function attempt(attempts: string[], args: string[], env: Record<string, string> = {}): Promise<string[]> {
  const script = attempts.map((attempt) =>
    `try { ${attempt}; console.log("allowed"); } catch ({ message }) { console.log(message.replaceAll("\\n", " ")); }`
  ).join("\n");
  const sandboxed = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--ext=ts", ...args, "-"],
    cwd: root,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdin = sandboxed.stdin.getWriter();
  await stdin.write(bytes(script));
  await stdin.close();
  const { stdout, stderr } = await sandboxed.output();
  assertEquals(textOf(stderr), "", args.join(" "));
  return textOf(stdout).trim().split("\n");
}

Deno.test("no sandbox of a service allows files, environment, other hosts or subprocesses", async () => {
  await Promise.all(programs.map(async (set) => {
    const results = await attempt(FORBIDDEN.map(([, attempt]) => attempt), [`-P=${set}`]);
    assertEquals(results.length, FORBIDDEN.length);
    for (const [at, [name]] of FORBIDDEN.entries()) {
      // Without a network, an allowed attempt fails with another error.
      assertMatch(results[at]!, /Requires \w+ access/, `${set}: ${name}`);
    }
  }));
});

Deno.test("localStorage, caches and a registry are out of reach with a file as location_data and --cached-only", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/location_data`, "");
  const attempts = ['localStorage.setItem("a", "b")', 'await caches.open("a")', "await import(`npm:wirebench-none@1`)"];
  const [storage, cache, registry] = await attempt(attempts, ["-P=echo-server", "--cached-only"], {
    DENO_DIR: folder.path,
  });
  assert(storage !== "allowed");
  assertMatch(cache!, /^Failed to create cache storage directory/);
  assertMatch(registry!, /not found in cache/);
});

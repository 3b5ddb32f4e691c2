import { assert, assertEquals, assertMatch } from "@std/assert";
import { stripTypeScriptTypes } from "node:module";
import { NO_IMPORTS, permissionSets } from "../scripts/checks/permissions.ts";
import { EXCHANGES } from "../scripts/tools/demo/exchanges.ts";

const root = new URL("..", import.meta.url);
const config = JSON.parse(read("deno.json"));
/** The configuration of `deno task bench:codecs`, whose packages no other program needs. */
const codecs = JSON.parse(read("scripts/checks/codecs/deno.json"));
/** That of `deno task npm`. */
const npm = JSON.parse(read("scripts/checks/npm/deno.json"));
const services = [...Deno.readDirSync(new URL("services", root))].map(({ name }) => name).sort();

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, root));
}

/** All source files below a folder. */
function* sources(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, root))) {
    const path = `${folder}/${name}`;
    if (path === "tests/temporary") continue; // Tests in other files create and remove files there.
    if (isDirectory) yield* sources(path);
    else if (/(?<!\.d)\.ts$/.test(name)) yield path;
  }
}

/** What a file imports and re-exports, as it is written. */
function importsOf(path: string): string[] {
  const statements = read(path).matchAll(/^(?:import|export)\b[^"]*? from "([^"]+)";|\bimport\("([^"]+)"\)/gm);
  return [...statements].map(([, specifier, dynamic]) => specifier ?? dynamic!);
}

const all = ["lib", "services", "examples", "tests", "scripts"].flatMap((folder) => [...sources(folder)]);

Deno.test("no permission set allows imports from a host or from outside the lock file", () => {
  for (const { permissions, lock } of [config, codecs, npm]) {
    for (const [name, set] of Object.entries<Record<string, unknown>>(permissions)) {
      assertEquals(set["import"], NO_IMPORTS, `import in the permission set ${name}`);
    }
    assertEquals(lock, { frozen: true });
  }
});

Deno.test("the permission sets of services are those that deno task permissions writes", () => {
  const sets = Object.entries(config.permissions).filter(([name]) => /^proxy$|(?<!^judge)-(server|client)$/.test(name));
  assertEquals(Object.fromEntries(sets), permissionSets(config));
});

Deno.test("every service has its files, tasks, permission sets, export, place in the demo and in the README", () => {
  const readme = read("README.md");
  assert(services.length >= 14);
  for (const folder of services) {
    const name = folder.replaceAll("_", "-");
    assertEquals(config.exports[`./${name}`], `./services/${folder}/server.ts`, `export of ${name}`);
    assertMatch(read(`services/${folder}/server.ts`), /^export (async )?function serve[A-Z]/m);
    assert(all.includes(`tests/services/${folder}_test.ts`), `tests of ${name}`);
    // The proxy forwards any protocol, so it has no client and no place in the demo.
    if (name === "proxy") {
      assertEquals(config.tasks.proxy.command, "deno run -q --no-prompt -P=proxy services/proxy/server.ts");
      assert("proxy" in config.permissions, "permissions of proxy");
      assert(readme.includes("deno task proxy"), "proxy in the README");
      continue;
    }
    const files = [...Deno.readDirSync(new URL(`services/${folder}`, root))].map((file) => file.name).sort();
    for (const file of ["client.ts", "protocol.ts", "server.ts"]) assert(files.includes(file), `${folder}/${file}`);
    for (const side of ["server", "client"]) {
      // The dispatch server starts processes. It revokes the grant before it listens.
      const startsProcesses = name === "dispatch" && side === "server";
      assertEquals(
        config.tasks[`${name}:${side}`]?.command,
        `deno run -q --no-prompt -P=${name}-${side} ${
          startsProcesses ? "--allow-run " : ""
        }services/${folder}/${side}.ts`,
        `task ${name}:${side}`,
      );
      assert(`${name}-${side}` in config.permissions, `permissions of ${name}:${side}`);
      assert(readme.includes(`deno task ${name}:${side}`), `${name}:${side} in the README`);
    }
    assert(EXCHANGES.some(({ service }) => service === name), `${name} in the demo`);
  }
});

/** What each room may import from other rooms. */
const MAY_IMPORT: Record<string, string[]> = {
  "lib/framing": [],
  "lib/log": [],
  "lib/net": ["lib/log", "lib/framing"],
  "lib/cli": ["lib/log", "lib/framing"],
  "lib/launch": ["lib/cli", "lib/net", "lib/log", "lib/framing"],
  "lib/record": ["lib/log", "lib/framing"],
  "lib/judge": ["lib/record", "lib/log", "lib/framing"],
  services: ["lib/framing", "lib/net", "lib/log", "lib/cli", "lib/launch", "lib/record"],
};

Deno.test("no layer imports from a layer that it must not know, or a private file of another", () => {
  for (const path of all.filter((path) => /^(lib|services)\//.test(path))) {
    const layer = path.startsWith("services") ? "services" : path.split("/").slice(0, 2).join("/");
    const own = path.split("/").slice(0, 2).join("/");
    for (const specifier of importsOf(path).filter((specifier) => specifier.startsWith("."))) {
      const file = new URL(specifier, new URL(path, "file:///")).pathname.slice(1);
      const target = file.split("/").slice(0, 2).join("/");
      if (target === own) continue;
      assert(MAY_IMPORT[layer]!.includes(target), `${path} imports ${specifier}`);
      assert(!file.includes("/_"), `${path} imports ${specifier}, which is private`);
    }
  }
  // lib/net may import the types of lib/framing only.
  for (const path of all.filter((path) => path.startsWith("lib/net/"))) {
    const values = read(path).match(/^import (?!type ).*\/framing\/.*$/gm);
    assertEquals(values, null, path);
  }
});

Deno.test("every example imports public names alone, says how to run it, and is tested and in the README", () => {
  const paths = all.filter((path) => path.startsWith("examples/"));
  for (const path of paths) {
    for (const specifier of importsOf(path)) {
      const name = /^@wirebench\/wirebench(\/.+)$/.exec(specifier)?.[1];
      // An example may be two files.
      const known = name === undefined
        ? paths.includes(`examples/${specifier.slice(2)}`)
        : `.${name}` in config.exports;
      assert(known, `${path} imports ${specifier}`);
    }
    if (!read(path).includes("import.meta.main")) continue;
    const name = /^examples\/(\w+)\.ts$/.exec(path)![1]!;
    const command = new RegExp(`^(// .+\\n)+//\\n//     deno run --allow-net=127\\.0\\.0\\.1\\S* ${path}`);
    assert(command.test(read(path)), `the command in the first comment of ${path}`);
    assert(all.includes(`tests/examples/${name}_test.ts`), `tests of ${path}`);
    assert(read("README.md").includes(`| [${name}](${path})`), `${path} in the README`);
  }
  assert(paths.length >= 4);
});

Deno.test("every import from @std is in the import map, and has its types declared", () => {
  const declared = new Map<string, Set<string>>();
  const declarations = read("lib/std.d.ts") + read("scripts/checks/codecs/peers.d.ts");
  for (const [, module, body] of declarations.matchAll(/declare module "([^"]+)" \{\n([\s\S]*?)\n\}/g)) {
    const names = [...body!.matchAll(/export (?:function|class|const|interface) (\w+)/g)].map(([, name]) => name!);
    declared.set(module!, new Set(names));
  }
  for (const path of all) {
    const imports = {
      ...config.imports,
      ...(path.startsWith("scripts/checks/codecs/") ? codecs.imports : {}),
      ...(path === "scripts/checks/npm.ts" ? npm.imports : {}),
    };
    for (const [, names, module] of read(path).matchAll(/import (?:type )?\{([^}]+)\} from "(@std\/[^"]+)"/g)) {
      assert(module! in imports, `${module} of ${path} in deno.json`);
      for (const name of names!.split(",").map((name) => name.replace(/\btype\b/, "").trim()).filter(Boolean)) {
        assert(
          declared.get(module!)?.has(name),
          `${name} of ${module}, imported by ${path}, has no type declared`,
        );
      }
    }
    const bare = importsOf(path).filter((specifier) => !/^(\.|\$|node:|@wirebench\/wirebench\/)/.test(specifier));
    for (const specifier of bare) assert(specifier in imports, `${specifier} of ${path} in deno.json`);
  }
});

Deno.test("every dependency is pinned to one version", () => {
  for (const [name, target] of Object.entries<string>({ ...config.imports, ...codecs.imports, ...npm.imports })) {
    assertMatch(target, /^npm:(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+(\/|$)/, name);
  }
});

const DOCUMENTS = ["", "docs/", "docs/course/"]
  .flatMap((folder) => [...Deno.readDirSync(new URL(folder, root))].map(({ name }) => `${folder}${name}`))
  .filter((name) => name.endsWith(".md")).sort();

Deno.test("the documents link to files and headings that exist, and name tasks that exist", () => {
  assertEquals(DOCUMENTS.filter((document) => !document.startsWith("docs/course/")), [
    "ARCHITECTURE.md",
    "BENCHMARKS.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "docs/running.md",
  ]);
  for (const document of DOCUMENTS) {
    const text = read(document);
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [path, heading] = target!.split("#");
      const file = path ? new URL(path, new URL(document, root)) : new URL(document, root);
      Deno.statSync(file);
      const headings = Deno.readTextFileSync(file.pathname.endsWith(".md") ? file : new URL(document, root))
        .matchAll(/^#+ (.+)$/gm);
      const anchors = [...headings].map(([, words]) =>
        words!.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-")
      );
      assert(heading === undefined || anchors.includes(heading), `${target} in ${document}`);
    }
    for (const [, name] of text.matchAll(/deno(?:@[\d.]+)? task ([a-z][\w:-]*)/g)) {
      assert(name! in config.tasks, `task ${name} in ${document}`);
    }
  }
});

Deno.test("ARCHITECTURE.md shows who may import whom, and CHANGELOG.md begins with this version", () => {
  const rows = read("ARCHITECTURE.md").matchAll(/^\| `(lib\/\w+|services)` +\|[^|]+\| ([^|]+) \|$/gm);
  const shown = [...rows].map((
    [, layer, others],
  ) => [layer!, [...others!.matchAll(/`([^`]+)`/g)].map(([, name]) => name)]);
  assertEquals(Object.fromEntries(shown), MAY_IMPORT);
  assertEquals(/^## \[([\d.]+)\]/m.exec(read("CHANGELOG.md"))?.[1], config.version);
});

Deno.test("every promise in SECURITY.md names a test that exists", () => {
  const tests = all.filter((path) => path.startsWith("tests/")).map(read).join("\n");
  const rows = read("SECURITY.md").split("\n").filter((line) =>
    line.startsWith("| ") && !/^\| ?-|\| test\s*\|$/.test(line)
  );
  assert(rows.length > 30);
  for (const row of rows) {
    const name = /`([^`]+)` \|$/.exec(row.trimEnd().replace(/\s+\|$/, " |"))?.[1];
    assert(name !== undefined && tests.includes(name), `the test of ${row}`);
  }
});

Deno.test("another program can link to this one, check its types and use all of it", async () => {
  const run = (...args: string[]) =>
    new Deno.Command(Deno.execPath(), { args, cwd: new URL("tests/consumer", root), env: { NO_COLOR: "1" } }).output();
  const checked = await run("check", "-q", "--no-lock", "program.ts", "types.ts");
  assertEquals([new TextDecoder().decode(checked.stderr), checked.success], ["", true]);
  const ran = await run("run", "-q", "--no-lock", "--no-prompt", "--allow-net=127.0.0.1", "program.ts");
  assertEquals(new TextDecoder().decode(ran.stderr), "");
  assertEquals(new TextDecoder().decode(ran.stdout), "Welcome to the server!\n");
});

Deno.test("lib does nothing when it is imported", async () => {
  for (const room of ["framing", "net", "log", "cli"]) {
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", `lib/${room}/mod.ts`],
      cwd: root,
    }).output();
    assertEquals([success, stdout.length, stderr.length], [true, 0, 0], room);
  }
});

/** The modules of lib/framing that one of them imports, directly or not, types excluded. */
function closureOf(module: string, known = new Map<string, string>()): Map<string, string> {
  if (known.has(module)) return known;
  const source = stripTypeScriptTypes(read(`lib/framing/${module}`));
  known.set(module, source);
  for (const [, from] of source.matchAll(/^(?:import|export)[^;]* from "([^"]*)";/gms)) {
    assert(/^\.\/\w+\.ts$/.test(from!), `${module} imports ${from}`);
    closureOf(from!.slice(2), known);
  }
  return known;
}

Deno.test("the scanner and the layouts of framings work in a browser: nothing of Deno, Node or npm, no build step", () => {
  const modules = closureOf("layout_of.ts", closureOf("scanner.ts"));
  for (const [module, source] of modules) assert(!/\bDeno\b|node:|\bimport\(|\bprocess\b/.test(source), module);
  assert(modules.size <= 15, [...modules.keys()].join(", "));
});

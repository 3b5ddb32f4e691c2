import { assert, assertEquals, assertMatch } from "@std/assert";

import { createRequire, stripTypeScriptTypes } from "node:module";
import { pathToFileURL } from "node:url";
import { hasProgram, temporaryFolder } from "./harness.ts";

const root = new URL("..", import.meta.url);
/** Where the tests of lib/framing begin, and what they import of Deno. */
const TESTS = [...Deno.readDirSync(new URL("framing", import.meta.url))].map(({ name }) => name)
  .filter((name) => name.endsWith("_test.ts")).map((name) => `tests/framing/${name}`);
const SHIMS: Record<string, string> = { "tests/harness.ts": "tests/node/harness.ts" };

/** Node before 22 has no `JSON.rawJSON()`. */
const isNode22 = hasProgram("node", "-e", "process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)");

async function run(program: string, args: string[], options: Deno.CommandOptions = {}): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(program, { args, ...options }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert(success, output);
  return output;
}

/** Writes a test and all that it imports as JavaScript. Files of lib/framing come from the package. */
function copy(path: string, folder: string, copied: Set<string>): void {
  if (copied.has(path)) return;
  copied.add(path);
  const depth = "../".repeat(path.split("/").length);
  const source = Deno.readTextFileSync(new URL(path, root));
  // Node 22 has no `using` (only a test that starts Python uses it, which is ignored there) and no `toHex()`, which must
  // not be added to the arrays of the package.
  const code = source.replaceAll("await using ", "const ")
    .replaceAll(".toHex()", ".hexOfTest()").replace(
      /(from ")(\.[^"]+)(")/g,
      (_, before, specifier, after) => {
        const target = new URL(specifier, new URL(path, "file:///")).pathname.slice(1);
        if (target.startsWith("lib/framing/")) return before + depth + target.slice("lib/".length) + after;
        copy(SHIMS[target] ?? target, folder, copied);
        return before + depth + "source/" + (SHIMS[target] ?? target) + after;
      },
    );
  const file = `${folder}/source/${path.replace(/\.ts$/, ".js")}`;
  Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
  Deno.writeTextFileSync(file, stripTypeScriptTypes(code.replace(/(from "\.[^"]*)\.ts"/g, '$1.js"')));
}

Deno.test({
  name: `deno task npm builds a package with which the tests of the framings pass on Node${
    isNode22 ? "" : " (ignored: no Node 22)"
  }`,
  ignore: !isNode22,
  async fn() {
    using folder = temporaryFolder();
    const { path } = folder;
    const flags = ["--allow-write=tests/temporary", "scripts/checks/npm.ts", "--out", path];
    await run(Deno.execPath(), [
      "run",
      "-q",
      "--no-prompt",
      "--config",
      "scripts/checks/npm/deno.json",
      "-P=npm",
      ...flags,
    ], { cwd: root });
    const copied = new Set<string>();
    for (const test of [...TESTS, "tests/node/deno.ts", "tests/node/hooks.ts"]) copy(test, path, copied);
    Deno.mkdirSync(`${path}/source/tests/data`);
    Deno.copyFileSync(new URL("data/pickles.json", import.meta.url), `${path}/source/tests/data/pickles.json`);
    Deno.writeTextFileSync(
      `${path}/register.js`,
      'import { register } from "node:module";\nregister("./source/tests/node/hooks.js", import.meta.url);\n',
    );
    const resolved = ["@std/assert", "@std/bytes/concat", "fast-check"].map((name) =>
      [name, import.meta.resolve(name)] as const
    );
    const packages = {
      ...Object.fromEntries(resolved),
      // The packages of a package resolve from inside it.
      "pure-rand/":
        pathToFileURL(createRequire(import.meta.resolve("fast-check")).resolve("pure-rand/utils/skipN")).href,
      "deno-std/assert/equal.js": import.meta.resolve("@std/assert/equal"),
      "deno-std/bytes/concat.js": import.meta.resolve("@std/bytes/concat"),
    };
    const env = { PACKAGES: JSON.stringify(packages) };
    const files = TESTS.map((name) => `source/${name.replace(/\.ts$/, ".js")}`);
    const preloaded = ["--expose-gc", "--import=./register.js", "--import=./source/tests/node/deno.js"];
    const output = await run("node", [...preloaded, "--test", ...files], { cwd: path, env });
    assertMatch(output, /^(#|ℹ) fail 0$/m);
    assertEquals(TESTS.length > 15, true);
  },
});

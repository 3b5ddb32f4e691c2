// Builds the npm package of lib/framing, which needs nothing of Deno: JavaScript and declarations, file by file.

/// <reference types="./npm/typescript.d.ts" />
import ts, { type CompilerOptions } from "typescript";
import { text } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";

const root = new URL("../../", import.meta.url);

/** What Node imports, and the files that export it. */
const EXPORTS = { "./framing": "mod", "./framing/check": "check" };

interface Config {
  name: string;
  version: string;
  license: string;
  imports: Record<string, string>;
}

/** Converts a source file. What Deno has built in and the import map has in deno.json comes from packages in Node. */
function convert(source: string, { imports }: Config, dependencies: Record<string, string>): string {
  const inspects = /\bDeno\.inspect\(/.test(source);
  const converted = source.replace(/^(import .* from) "(@std\/[^"]+)"/gm, (_, names, specifier) => {
    const [, name, version, path] = /^npm:(.+)@([\d.]+)(\/.+)$/.exec(imports[specifier]!)!;
    dependencies[name!] = version!;
    return `${names} "${name}${path}"`;
  }).replaceAll("Deno.inspect(", "inspect(");
  if (/\bDeno\.\w/.test(converted.replace(/^\s*(\*|\/\/|\/\*).*$/gm, ""))) throw new TypeError("Node has no Deno");
  return inspects ? `import { inspect } from "node:util";\n${converted}` : converted;
}

const OPTIONS: CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  declaration: true,
  isolatedDeclarations: true,
};

function declare(fileName: string, source: string): string {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(source, {
    fileName,
    reportDiagnostics: true,
    compilerOptions: OPTIONS,
  });
  const [first] = diagnostics;
  if (first !== undefined) {
    throw new TypeError(`${fileName}: ${ts.flattenDiagnosticMessageText(first.messageText, " ")}`);
  }
  return outputText;
}

/** Makes the imports of other files name the JavaScript ones. */
function linked(code: string): string {
  return code.replace(/((?:from |import\()"\.[^"]*)\.ts"/g, '$1.js"');
}

/** Writes the package into a folder. */
function build(folder: string): void {
  const config: Config = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root)));
  const dependencies: Record<string, string> = {};
  Deno.mkdirSync(`${folder}/framing`, { recursive: true });
  for (const { name } of Deno.readDirSync(new URL("lib/framing", root))) {
    const source = convert(Deno.readTextFileSync(new URL(`lib/framing/${name}`, root)), config, dependencies);
    const file = `${folder}/framing/${name.replace(/\.ts$/, "")}`;
    Deno.writeTextFileSync(`${file}.js`, linked(ts.transpile(source, OPTIONS)));
    Deno.writeTextFileSync(`${file}.d.ts`, linked(declare(name, source)));
  }
  const { name, version, license } = config;
  const entry = (file: string) => ({ types: `./framing/${file}.d.ts`, default: `./framing/${file}.js` });
  const manifest = {
    name,
    version,
    description: "Bytes to messages and back, without I/O: framings, pickles, and a checker for framings of one's own",
    license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=22" },
    exports: Object.fromEntries(Object.entries(EXPORTS).map(([path, file]) => [path, entry(file)])),
    files: ["framing"],
    dependencies,
  };
  Deno.writeTextFileSync(`${folder}/package.json`, JSON.stringify(manifest, undefined, 2) + "\n");
  for (const name of ["LICENSE", "CHANGELOG.md"]) {
    Deno.writeTextFileSync(`${folder}/${name}`, Deno.readTextFileSync(new URL(name, root)));
  }
  Deno.writeTextFileSync(`${folder}/README.md`, README);
}

const README = `# Wirebench framing

Bytes to messages and back, without I/O: fixed lengths, delimiters, lines, length prefixes, netstrings, tags; text, JSON and
Python's pickle over any of them; Web Streams; limits and errors that say what was expected and received.

\`\`\`js
import { lengthPrefix, json } from "@wirebench/wirebench/framing";

const framing = json(lengthPrefix({ bytes: 2 }));
const decoder = framing.decoder();
socket.on("data", (chunk) => {
  for (const message of decoder.push(chunk)) console.log(message);
});
socket.write(framing.encode({ any: "JSON" }));
\`\`\`

\`@wirebench/wirebench/framing/check\` tests a framing of your own with every split of its streams. The servers, clients and
tools of Wirebench need Deno.
`;

if (import.meta.main) {
  await runTask(
    {
      ...task("npm"),
      summary: "Builds the npm package of the framings, for Node 22 and later.",
      options: { out: text("FOLDER", "Where to write it", "npm") },
    },
    "info",
    ({ values }) => Promise.resolve(build(values.out)),
  );
}

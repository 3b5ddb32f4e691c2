// The page as text: its modules without types, its style, and the page of one file that needs no server.

import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";
import conversion from "../../../lib/framing/_conversion.ts" with { type: "text" };
import decoder from "../../../lib/framing/_decoder.ts" with { type: "text" };
import delimitedDecoder from "../../../lib/framing/_delimited_decoder.ts" with { type: "text" };
import describe from "../../../lib/framing/_describe.ts" with { type: "text" };
import digits from "../../../lib/framing/_digits.ts" with { type: "text" };
import frameDecoder from "../../../lib/framing/_frame_decoder.ts" with { type: "text" };
import frameReaders from "../../../lib/framing/_frame_readers.ts" with { type: "text" };
import growingBuffer from "../../../lib/framing/_growing_buffer.ts" with { type: "text" };
import options from "../../../lib/framing/_options.ts" with { type: "text" };
import slab from "../../../lib/framing/_slab.ts" with { type: "text" };
import errors from "../../../lib/framing/errors.ts" with { type: "text" };
import framing from "../../../lib/framing/framing.ts" with { type: "text" };
import layout from "../../../lib/framing/layout.ts" with { type: "text" };
import layoutOf from "../../../lib/framing/layout_of.ts" with { type: "text" };
import scanner from "../../../lib/framing/scanner.ts" with { type: "text" };
import escape from "../../../lib/log/escape.ts" with { type: "text" };
import plural from "../../../lib/log/plural.ts" with { type: "text" };
import knownBytes from "../../../lib/record/_known_bytes.ts" with { type: "text" };
import search from "../../../lib/record/_search.ts" with { type: "text" };
import flow from "../../../lib/record/flow.ts" with { type: "text" };
import parse from "../../../lib/record/parse.ts" with { type: "text" };
import session from "../../../lib/record/session.ts" with { type: "text" };
import app from "./page/app.ts" with { type: "text" };
import axis from "./page/axis.ts" with { type: "text" };
import connections from "./page/connections.ts" with { type: "text" };
import detail from "./page/detail.ts" with { type: "text" };
import dom from "./page/dom.ts" with { type: "text" };
import faults from "./page/faults.ts" with { type: "text" };
import format from "./page/format.ts" with { type: "text" };
import framings from "./page/framings.ts" with { type: "text" };
import keys from "./page/keys.ts" with { type: "text" };
import drawing from "./page/drawing.ts" with { type: "text" };
import lane from "./page/lane.ts" with { type: "text" };
import main from "./page/main.ts" with { type: "text" };
import scene from "./page/scene.ts" with { type: "text" };
import source from "./page/source.ts" with { type: "text" };
import strip from "./page/strip.ts" with { type: "text" };
import table from "./page/table.ts" with { type: "text" };
import theme from "./page/theme.ts" with { type: "text" };
import css from "./page/style.css" with { type: "text" };
import markup from "./page/index.html" with { type: "text" };

/** The modules of the page by name: its own, and those of the library that they import. */
const SOURCES: Readonly<Record<string, string>> = {
  "_conversion": conversion,
  "_decoder": decoder,
  "_delimited_decoder": delimitedDecoder,
  "_describe": describe,
  "_digits": digits,
  "_frame_decoder": frameDecoder,
  "_frame_readers": frameReaders,
  "_growing_buffer": growingBuffer,
  "_options": options,
  "_slab": slab,
  errors,
  framing,
  layout,
  "layout_of": layoutOf,
  scanner,
  escape,
  plural,
  "_known_bytes": knownBytes,
  "_search": search,
  flow,
  parse,
  session,
  app,
  axis,
  connections,
  detail,
  dom,
  faults,
  format,
  framings,
  keys,
  drawing,
  lane,
  main,
  scene,
  source,
  strip,
  table,
  theme,
};

/** Where the page expects its modules, and what makes it one file instead. */
const SCRIPT = '<script type="module" src="app/main.js"></script>';
const STYLE = '<link rel="stylesheet" href="style.css">';
const CHARSET = '<meta charset="utf-8">';

/** The page, which loads `style.css` and `app/main.js`. */
export const html: string = markup;

/** The style sheet of the page. */
export { css };

/** Strips the types of the page's modules. Returns them by file name, as `main.js`; they import each other as `./NAME.js`. */
export function pageModules(): Map<string, string> {
  return new Map(
    Object.entries(SOURCES).map(([name, source]) => [
      `${name}.js`,
      stripTypeScriptTypes(source).replace(IMPORT, (_, names, imported) => `import ${names} from "./${imported}.js";`),
    ]),
  );
}

/**
 * Makes a page of one file that shows a recording, and works from disk.
 *
 * @param recording The lines of the recording.
 * @returns The page. Its content security policy allows its own scripts, and no connection at all.
 */
export function sessionPage(recording: string): string {
  const script = `const modules = {};
${scriptOf("main")}`;
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(css)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
  // No character of the recording ends its element: in JSON, < may be escaped.
  const lines = recording.replaceAll("<", "\\u003c");
  const parts: [placeholder: string, text: string][] = [
    [CHARSET, `${CHARSET}\n    <meta http-equiv="content-security-policy" content="${policy}">`],
    [STYLE, `<style>${css}</style>`],
    [
      SCRIPT,
      `<script id="recording" type="application/jsonl">${lines}</script>
    <script type="module">${script}</script>`,
    ],
  ];
  return parts.reduce((page, [placeholder, text]) => page.replace(placeholder, () => text), html);
}

/** An import of values: their names, and that of the module. */
const IMPORT = /^import (\{[^}]*\w[^}]*\}) from "\.[^"]*?([^/"]+)\.ts";$/gm;

/** An exported function, class or constant: its name. */
const EXPORT = /^export +(?:async )?(?:function\*?|class|const) +(\w+)/gm;

/** Joins a module and those that it imports in one script, which a content security policy can name by its hash. */
function scriptOf(name: string, done: Set<string> = new Set()): string {
  done.add(name);
  let imports = "";
  const body = stripTypeScriptTypes(SOURCES[name]!).replace(IMPORT, (_, names: string, imported: string) => {
    if (!done.has(imported)) imports += scriptOf(imported, done);
    return `const ${names.replaceAll(" as ", ": ")} = modules["${imported}"];`;
  });
  const exported = Array.from(body.matchAll(EXPORT), ([, name]) => name);
  const code = `${body.replace(/^export (?!\{)/gm, "")}\nreturn { ${exported.join(", ")} };`;
  return `${imports}modules["${name}"] = (() => {\n${code}\n})();\n`;
}

/** The hash by which a content security policy allows an inline script or style. */
function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

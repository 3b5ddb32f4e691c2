// The page as text: its modules without types, its style, and the page of one file that needs no server.

import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";
import describe from "../../../lib/framing/_describe.ts" with { type: "text" };
import errors from "../../../lib/framing/errors.ts" with { type: "text" };
import layout from "../../../lib/framing/layout.ts" with { type: "text" };
import scanner from "../../../lib/framing/scanner.ts" with { type: "text" };
import escape from "../../../lib/log/escape.ts" with { type: "text" };
import plural from "../../../lib/log/plural.ts" with { type: "text" };
import parse from "../../../lib/record/parse.ts" with { type: "text" };
import session from "../../../lib/record/session.ts" with { type: "text" };
import app from "./page/app.ts" with { type: "text" };
import connections from "./page/connections.ts" with { type: "text" };
import detail from "./page/detail.ts" with { type: "text" };
import dom from "./page/dom.ts" with { type: "text" };
import faults from "./page/faults.ts" with { type: "text" };
import format from "./page/format.ts" with { type: "text" };
import framings from "./page/framings.ts" with { type: "text" };
import keys from "./page/keys.ts" with { type: "text" };
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
  "_describe": describe,
  errors,
  layout,
  scanner,
  escape,
  plural,
  parse,
  session,
  app,
  connections,
  detail,
  dom,
  faults,
  format,
  framings,
  keys,
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

/** The modules of the page by file name, as `main.js`. They import each other as `./NAME.js`. */
export const modules: ReadonlyMap<string, string> = new Map(
  Object.entries(SOURCES).map(([name, source]) => [`${name}.js`, moduleOf(source, (name) => `./${name}.js`)]),
);

/**
 * Makes a page of one file that shows a recording, and works from disk.
 *
 * @param recording The lines of the recording.
 * @returns The page. Its content security policy allows its own scripts, and no connection at all.
 */
export function sessionPage(recording: string): string {
  // A module in a data URL cannot import relative to itself; an import map gives each a name instead.
  const imports = Object.entries(SOURCES).map(([name, source]) => {
    const code = moduleOf(source, (name) => `see/${name}`);
    return [`see/${name}`, `data:text/javascript;base64,${new TextEncoder().encode(code).toBase64()}`];
  });
  const map = JSON.stringify({ imports: Object.fromEntries(imports) });
  const start = 'import "see/main";';
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(map)} ${hashOf(start)} 'strict-dynamic'`,
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
    <script type="importmap">${map}</script>
    <script type="module">${start}</script>`,
    ],
  ];
  return parts.reduce((page, [placeholder, text]) => page.replace(placeholder, () => text), html);
}

/** Strips the types of a module, and changes the specifiers of what it imports. */
function moduleOf(source: string, specifier: (name: string) => string): string {
  return stripTypeScriptTypes(source).replace(
    /(?<=^(?:import|export|\}).* from )"\.[^"]*?([^/"]+)\.ts"/gm,
    (_, name) => JSON.stringify(specifier(name)),
  );
}

/** The hash by which a content security policy allows an inline script or style. */
function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

import { css, html, pageModules, sessionPage } from "./page.ts";

export { sessionPage };

/** A file of the page. */
export interface PageFile {
  readonly type: string;
  readonly text: string;
}

/** The files of the page by their paths; the page itself has none. */
export const FILES: ReadonlyMap<string, PageFile> = new Map([
  ["", { type: "text/html", text: html }],
  ["style.css", { type: "text/css", text: css }],
  ...Array.from(
    pageModules(),
    ([name, text]): [string, PageFile] => [`app/${name}`, { type: "text/javascript", text }],
  ),
]);

/** A file of the page. */
export interface PageFile {
  readonly type: string;
  readonly text: string;
}

/** The files of the page by their paths; the page itself has none. */
export const FILES: ReadonlyMap<string, PageFile> = new Map([
  ["", { type: "text/html", text: "<!doctype html><title>Wirebench</title><p>See the wire" }],
]);

/** Makes one page of a recording, which needs no server. */
export function sessionPage(recording: string): string {
  return recording;
}

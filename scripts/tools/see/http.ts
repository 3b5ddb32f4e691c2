import { css, html, pageModules } from "./page.ts";
import type { View } from "./view.ts";

/** A page that is served. Disposing of it ends all its connections. */
export interface ServedPage extends AsyncDisposable {
  /** The address of the page, with its token. */
  readonly url: string;
}

const HOSTNAME = "127.0.0.1";
/** The longest request of a page, in bytes. */
const MAX_CONTROL = 65_536;

/** Headers of every response. It is for its own origin alone, and runs nothing but the page's own files. */
const HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  // A compressed stream would hold an event back until others fill a block.
  "cache-control": "no-store, no-transform",
};

/** The files of the page by their paths; that of the page itself is empty. */
const FILES: ReadonlyMap<string, { type: string; text: string }> = new Map([
  ["", { type: "text/html", text: html }],
  ["style.css", { type: "text/css", text: css }],
  ...Array.from(pageModules(), ([name, text]) => [`app/${name}`, { type: "text/javascript", text }] as const),
]);

/**
 * Serves the page on loopback. A page of another site that finds the port reaches it under another name (421), does not
 * know the token (404), and has another origin (403).
 *
 * @param port The port, 0 for a free one.
 * @param view What to show.
 * @returns The page, which is served until it is disposed of.
 * @throws {Deno.errors.AddrInUse} If another program listens there.
 */
export function servePage(port: number, view: View): ServedPage {
  const token = crypto.getRandomValues(new Uint8Array(16)).toHex();
  const stopped = new AbortController();
  let host = "";
  const server = Deno.serve(
    { hostname: HOSTNAME, port, signal: stopped.signal, onListen: () => {} },
    async (request) => {
      const response = await answer(request, host, token, view);
      for (const [name, value] of Object.entries(HEADERS)) response.headers.set(name, value);
      return response;
    },
  );
  host = `${HOSTNAME}:${server.addr.port}`;
  return {
    url: `http://${host}/${token}/`,
    async [Symbol.asyncDispose]() {
      view.feed.stop();
      // Not shutdown(): it waits for pages that stall, and nothing can end that wait.
      stopped.abort();
      await server.finished;
    },
  };
}

async function answer(request: Request, host: string, token: string, view: View): Promise<Response> {
  const { headers, method } = request;
  if (headers.get("host") !== host) return refuse(421, `the host ${host}`);
  const { pathname, searchParams } = new URL(request.url);
  if (!pathname.startsWith(`/${token}/`)) return refuse(404, "the address that deno task see printed");
  const path = pathname.slice(token.length + 2);
  // Any site may link to the page; all other paths are for the page alone. Programs other than browsers send no such header.
  const site = headers.get("sec-fetch-site") ?? "none";
  if (path !== "" && site !== "same-origin" && site !== "none") return refuse(403, "a request of the page");
  if (path === "control") return await control(request, host, view);
  if (method !== "GET") return refuse(405, "GET");
  switch (path) {
    case "events": {
      const after = headers.get("last-event-id") ?? searchParams.get("after") ?? "";
      return new Response(view.feed.stream(/^\d+$/.test(after) ? Number(after) : 0), {
        headers: { "content-type": "text/event-stream" },
      });
    }
    case "recording":
      return download("application/jsonl", `${view.name}.jsonl`, view.recording());
    case "session.html":
      return download("text/html; charset=utf-8", `${view.name}.html`, view.session());
  }
  const file = FILES.get(path);
  if (file === undefined) return refuse(404, "a file of the page");
  return new Response(file.text, { headers: { "content-type": `${file.type}; charset=utf-8` } });
}

async function control(request: Request, host: string, view: View): Promise<Response> {
  const { headers, method } = request;
  if (method !== "POST") return refuse(405, "POST");
  if (headers.get("origin") !== `http://${host}`) return refuse(403, `the origin http://${host}`);
  if (headers.get("content-type") !== "application/json") return refuse(415, "application/json");
  // NaN without a length.
  if (!(Number(headers.get("content-length") ?? NaN) <= MAX_CONTROL)) {
    return refuse(413, `${MAX_CONTROL} bytes at most`);
  }
  try {
    view.control(await request.json());
    return Response.json({ ok: true });
  } catch (error) {
    return Response.json({ error: error instanceof Error ? error.message : String(error) }, { status: 400 });
  }
}

function download(type: string, name: string, body: BodyInit): Response {
  return new Response(body, {
    headers: { "content-type": type, "content-disposition": `attachment; filename="${name}"` },
  });
}

function refuse(status: number, expected: string): Response {
  return new Response(`expected ${expected}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}

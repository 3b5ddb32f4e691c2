// Drives Chromium by its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/

import { TextLineStream } from "@std/streams/text-line-stream";
import { within } from "./within.ts";

/** How long to wait for Chromium to end, in milliseconds. */
const STOP_TIMEOUT = 5000;

/** The path of Chromium or Chrome, if it is installed. */
export function findChromium(): string | undefined {
  if (Deno.build.os === "windows") return undefined;
  const script = "command -v chromium || command -v chromium-browser || command -v google-chrome";
  const { stdout } = new Deno.Command("sh", { args: ["-c", script], stderr: "null" }).outputSync();
  return new TextDecoder().decode(stdout).trim() || undefined;
}

/** Parameters and results of the protocol. */
// deno-lint-ignore no-explicit-any
type Json = any;

/** An answer or an event of the protocol. */
interface Message {
  id?: number;
  method?: string;
  params?: Json;
  result?: Json;
  error?: { message: string };
  sessionId?: string;
}

/** What a page looks like to its user. */
export interface Look {
  width?: number;
  height?: number;
  /** Device pixels per CSS pixel. */
  scale?: number;
  dark?: boolean;
  reducedMotion?: boolean;
  /** A colour deficiency to simulate. */
  vision?: "none" | "achromatopsia" | "protanopia" | "deuteranopia" | "tritanopia";
}

/** A Chromium process without a window. Disposing of it ends it. */
export class Chromium implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #logged: Promise<unknown>;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, PromiseWithResolvers<Json>>();
  readonly #pages = new Map<string, Page>();
  readonly #events = new Set<(method: string, params: Json) => void>();
  #calls = 0;

  private constructor(process: Deno.ChildProcess, logged: Promise<unknown>, socket: WebSocket) {
    this.#process = process;
    this.#logged = logged;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = () => {
      for (const { reject } of this.#answers.values()) reject(new Error("Chromium ended"));
    };
  }

  /**
   * Starts Chromium. Every name below `.test` is 127.0.0.1, and no other name resolves.
   *
   * @param program Its path, from {@linkcode findChromium}.
   * @param folder An empty folder for its profile.
   */
  static async start(program: string, folder: string): Promise<Chromium> {
    const process = new Deno.Command(program, {
      args: [
        "--headless=new",
        "--no-sandbox", // It refuses to run as root with its sandbox.
        "--remote-debugging-port=0",
        `--user-data-dir=${folder}`,
        "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-background-timer-throttling",
        "--disable-renderer-backgrounding",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
      ],
      env: { HOME: folder },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const listening = Promise.withResolvers<string>();
    const logged = (async () => {
      let log = "";
      for await (const line of process.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
        log += `${line}\n`;
        const address = /^DevTools listening on (ws:.+)$/.exec(line)?.[1];
        if (address !== undefined) listening.resolve(address);
      }
      listening.reject(new Error(`Chromium did not start: ${log}`));
    })();
    try {
      const socket = new WebSocket(await within(listening.promise, "Chromium to start"));
      const open = Promise.withResolvers<void>();
      socket.onopen = () => open.resolve();
      socket.onerror = () => open.reject(new Error("Cannot connect to Chromium"));
      await open.promise;
      return new Chromium(process, logged, socket);
    } catch (error) {
      process.kill("SIGKILL");
      await Promise.all([process.status, logged]);
      throw error;
    }
  }

  /** Opens a page in a window of its own, and waits until it has loaded. */
  async open(url: string, look: Look = {}): Promise<Page> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", newWindow: true });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page((method, params) => this.send(method, params, sessionId));
    this.#pages.set(sessionId, page);
    await Promise.all(["Page.enable", "Runtime.enable", "Log.enable", "Network.enable"].map((each) => page.send(each)));
    await page.look(look);
    await page.go(url);
    return page;
  }

  /** Calls a method of the protocol. */
  async send(method: string, params: Json = {}, sessionId?: string): Promise<Json> {
    const id = ++this.#calls;
    const answer = Promise.withResolvers<Json>();
    this.#answers.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return await within(answer.promise, `Chromium's answer to ${method}`).finally(() => this.#answers.delete(id));
  }

  /** Waits for the next event of the browser, rather than of a page, that fulfills a condition. */
  async event(method: string, condition: (params: Json) => boolean): Promise<void> {
    const happened = Promise.withResolvers<void>();
    const take = (name: string, params: Json) => {
      if (name === method && condition(params)) happened.resolve();
    };
    this.#events.add(take);
    await within(happened.promise, method).finally(() => this.#events.delete(take));
  }

  #receive({ id, method, params, result, error, sessionId = "" }: Message): void {
    if (id === undefined) {
      for (const take of this.#events) take(method!, params);
      return this.#pages.get(sessionId)?.receive(method!, params);
    }
    const answer = this.#answers.get(id);
    if (error === undefined) answer?.resolve(result);
    else answer?.reject(new Error(error.message));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const kill = setTimeout(() => this.#kill(), STOP_TIMEOUT);
    const closed = new Promise((resolve) => this.#socket.addEventListener("close", resolve));
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ id: ++this.#calls, method: "Browser.close" }));
      await closed;
    }
    // All its processes have ended when the last one has closed the log.
    await Promise.all([this.#process.status, this.#logged]);
    clearTimeout(kill);
  }

  #kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended; its children may not have.
    }
  }
}

/** A page of Chromium. */
export class Page {
  /** Calls a method of the protocol. */
  readonly send: (method: string, params?: Json) => Promise<Json>;
  /** Lines of the console, uncaught errors, and what the browser refused, as a content security policy. */
  readonly console: string[] = [];
  /** The URL and the status of every response. */
  readonly responses: { url: string; status: number }[] = [];
  #loaded = Promise.withResolvers<void>();

  constructor(send: (method: string, params?: Json) => Promise<Json>) {
    this.send = send;
  }

  /** Takes an event of the protocol. */
  receive(method: string, params: Json): void {
    if (method === "Page.loadEventFired") this.#loaded.resolve();
    if (method === "Network.responseReceived") this.responses.push(params.response);
    if (method === "Log.entryAdded") this.console.push(`${params.entry.level}: ${params.entry.text}`);
    if (method === "Runtime.consoleAPICalled") {
      this.console.push(`${params.type}: ${params.args.map(({ value }: Json) => String(value)).join(" ")}`);
    }
    if (method === "Runtime.exceptionThrown") {
      const { text, exception } = params.exceptionDetails;
      this.console.push(`error: ${exception?.description ?? text}`);
    }
  }

  /** Goes to another page, and waits until it has loaded. */
  async go(url: string): Promise<void> {
    this.#loaded = Promise.withResolvers();
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText !== undefined) throw new Error(`Cannot open ${url}: ${errorText}`);
    await within(this.#loaded.promise, `${url} to load`);
  }

  /** Evaluates an expression in the page; the value of a promise is awaited. */
  async evaluate<Value = Json>(expression: string): Promise<Value> {
    const policy = { allowUnsafeEvalBlockedByCSP: false };
    const parameters = { expression, awaitPromise: true, returnByValue: true, userGesture: true, ...policy };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", parameters);
    if (exceptionDetails === undefined) return result.value;
    throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
  }

  /** Waits until an expression is true in the page. */
  async until(expression: string): Promise<void> {
    const poll = `new Promise((resolve) => {
      const check = () => (${expression}) ? resolve() : setTimeout(check, 10);
      check();
    })`;
    await this.evaluate(poll).catch(async (error) => {
      const text = await this.evaluate("document.body.innerText").catch(() => "");
      throw new Error(`${expression}: ${error.message}\n${this.console.join("\n")}\n${text}`);
    });
  }

  /** Clicks in the middle of the first element that matches, as the mouse does. */
  async click(selector: string): Promise<void> {
    const [x, y] = await this.evaluate<[number, number]>(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)});
      element.scrollIntoView({ block: "nearest" });
      const { left, top, width, height } = element.getBoundingClientRect();
      return [left + width / 2, top + height / 2];
    })()`);
    for (const type of ["mousePressed", "mouseReleased"]) {
      await this.send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
    }
  }

  /**
   * Presses a key, as `ArrowRight`, `Enter` or `?`.
   *
   * @param shift Whether shift is held; a character of its own, as `?`, needs no shift.
   */
  async press(key: string, shift = false): Promise<void> {
    const text = key.length === 1 ? key : key === "Enter" ? "\r" : undefined;
    const codes: Record<string, number> = { Enter: 13, Tab: 9, Escape: 27, " ": 32, Backspace: 8, Delete: 46 };
    const common = { key, modifiers: shift ? 8 : 0, windowsVirtualKeyCode: codes[key] };
    await this.send("Input.dispatchKeyEvent", { ...common, type: text === undefined ? "rawKeyDown" : "keyDown", text });
    await this.send("Input.dispatchKeyEvent", { ...common, type: "keyUp" });
  }

  /** Types a text into the element that has the focus. */
  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  /** Sets what the page looks like. Without an option, 1400 by 860 pixels in light colours. */
  async look({ width = 1400, height = 860, scale = 1, dark = false, reducedMotion = false, vision = "none" }: Look) {
    const size = { width, height, deviceScaleFactor: scale, mobile: false };
    const features = [
      { name: "prefers-color-scheme", value: dark ? "dark" : "light" },
      { name: "prefers-reduced-motion", value: reducedMotion ? "reduce" : "no-preference" },
    ];
    await this.send("Emulation.setDeviceMetricsOverride", size);
    await this.send("Emulation.setEmulatedMedia", { features });
    await this.send("Emulation.setEmulatedVisionDeficiency", { type: vision });
  }

  /** Takes a picture of what is visible, as PNG. */
  async picture(): Promise<Uint8Array<ArrayBuffer>> {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    return Uint8Array.fromBase64(data);
  }

  /** Closes the page. */
  async close(): Promise<void> {
    await this.send("Page.close");
  }
}

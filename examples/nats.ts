// A client of NATS: a text protocol with payloads of announced length.
//
//     deno run --allow-net=127.0.0.1:4222 examples/nats.ts --subscribe "news.>"
//     deno run --allow-net=127.0.0.1:4222 examples/nats.ts --publish news.local Hello "Hello again"

import { CommandError, optional, printLine, text } from "@wirebench/wirebench/cli";
import { customFraming, type DecodedFrame, encodeText, type Framing } from "@wirebench/wirebench/framing";
import { runClient } from "@wirebench/wirebench/launch";
import { type Connection, connectTcp, type ConnectTcpOptions, type Framed, framed } from "@wirebench/wirebench/net";

/** A message on a subject. */
export interface NatsMessage {
  /** Words with dots between them. */
  subject: string;
  /** Subject for an answer. */
  reply?: string | undefined;
  /** Any bytes. */
  payload: Uint8Array;
}

/** What the server sends. */
export type ServerEvent =
  | { type: "INFO"; maxPayload: number }
  | { type: "MSG"; subscription: string; message: NatsMessage }
  | { type: "PING" | "PONG" | "+OK" }
  | { type: "-ERR"; text: string };

/** What the client sends: a line, and perhaps a payload. */
export interface Command {
  /** Without its end. */
  line: string;
  /** Its length is the last word of the line. */
  payload?: Uint8Array | undefined;
}

/** Maximum length of a line in bytes. The INFO of a large cluster is the longest. */
const LONGEST_LINE = 64 * 1024;

/** Events of the server in, commands out. */
export const nats: Framing<ServerEvent, Command> = customFraming({
  maxLength: 8 * 1024 * 1024 + LONGEST_LINE,
  encode({ line, payload }: Command): Uint8Array<ArrayBuffer> {
    const head = encodeText(`${line}\r\n`);
    if (payload === undefined) return head;
    const bytes = new Uint8Array(head.length + payload.length + 2);
    bytes.set(head);
    bytes.set(payload, head.length);
    bytes.set([0x0d, 0x0a], bytes.length - 2);
    return bytes;
  },
  decode(bytes, start, end, { indexOf, integer, text, copy, malformed }): DecodedFrame<ServerEvent> | number {
    const found = indexOf(0x0a, start);
    const line = found === -1 ? end : found;
    if (line - start > LONGEST_LINE) throw malformed(`a line of at most ${LONGEST_LINE} bytes`, start, start + 32);
    if (found === -1) return 1;
    if (line === start || bytes[line - 1] !== 0x0d) throw malformed("\\r\\n", line);
    const words = text(start, line - 1);
    const next = line + 1;
    const [type, ...rest] = words.split(/[ \t]+/);
    switch (type) {
      case "INFO":
        try {
          return { message: { type, maxPayload: Number(JSON.parse(words.slice(4)).max_payload) }, end: next };
        } catch {
          throw malformed("JSON after INFO", start, line - 1);
        }
      case "PING":
      case "PONG":
      case "+OK":
        return { message: { type }, end: next };
      case "-ERR":
        return { message: { type, text: words.slice(5) }, end: next };
      case "MSG": {
        const [subject, subscription, reply] = rest.length === 4 ? rest : [rest[0], rest[1], undefined];
        if (rest.length < 3 || rest.length > 4) throw malformed("MSG with 3 or 4 arguments", start, line - 1);
        const length = integer(line - 1 - rest.at(-1)!.length, line - 1);
        if (length < 0) throw malformed("a length of 0 or more", start, line - 1);
        const after = next + length + 2;
        if (after > end) return after - end;
        if (bytes[after - 2] !== 0x0d || bytes[after - 1] !== 0x0a) throw malformed("\\r\\n", after - 2, after);
        const message = { subject: subject!, reply, payload: copy(next, next + length) };
        return { message: { type, subscription: subscription!, message }, end: after };
      }
      default:
        throw malformed("INFO, MSG, PING, PONG, +OK or -ERR", start, line - 1);
    }
  },
});

/** Takes a message. No later one is taken until its promise resolves. */
export type OnMessage = (message: NatsMessage) => void | Promise<void>;

/** A connection to NATS. */
export class Nats implements AsyncDisposable {
  /** The connection underneath. */
  readonly connection: Connection;
  readonly #server: Framed<ServerEvent, Command>;
  readonly #timeout: number;
  readonly #subscriptions = new Map<string, OnMessage>();
  #maxPayload: number;
  #subscribed = 0;

  private constructor(greeting: Framed<ServerEvent, Command>, maxPayload: number, timeout: number) {
    this.connection = greeting.connection;
    this.#maxPayload = maxPayload;
    this.#timeout = timeout;
    // PONG alone answers something that the client sent. The server sends everything else unasked.
    this.#server = greeting.switchTo(nats, {
      isPush: ({ type }) => type !== "PONG",
      onPush: (event) => this.#on(event),
    });
  }

  /** Connects. The timeout is for each answer, in milliseconds. */
  static async connect(target: ConnectTcpOptions, timeout = 10_000): Promise<Nats> {
    const greeting = framed(await connectTcp({ ...target, idleTimeout: Infinity }), nats);
    try {
      const info = await greeting.receive({ timeout });
      if (info?.type !== "INFO") throw new CommandError(`Expected INFO, got ${info?.type ?? "the end"}`);
      await greeting.send({
        line: 'CONNECT {"verbose":false,"pedantic":false,"lang":"deno","version":"1","protocol":1}',
      });
      const client = new Nats(greeting, info.maxPayload, timeout);
      await client.flush();
      return client;
    } catch (error) {
      greeting.connection.close();
      throw error;
    }
  }

  /** Publishes a message. */
  async publish(subject: string, payload: Uint8Array, reply = ""): Promise<void> {
    if (payload.length > this.#maxPayload) {
      throw new RangeError(`Cannot publish: expected at most ${this.#maxPayload} bytes, got ${payload.length}`);
    }
    const to = reply === "" ? "" : ` ${checked(reply)}`;
    await this.#server.send({ line: `PUB ${checked(subject)}${to} ${payload.length}`, payload });
  }

  /** Subscribes to a subject, in which * stands for one word and > at the end for any number. */
  async subscribe(subject: string, onMessage: OnMessage): Promise<void> {
    const id = String(++this.#subscribed);
    const line = `SUB ${checked(subject)} ${id}`;
    this.#subscriptions.set(id, onMessage);
    await this.#server.send({ line });
  }

  /** Waits until the server has processed everything sent so far. */
  async flush(): Promise<void> {
    await this.#server.request({ line: "PING" }, { timeout: this.#timeout });
  }

  /** Waits until the server ends the connection. Call it last. */
  async ended(): Promise<void> {
    await this.#server.receive();
  }

  /** Finishes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.finish();
  }

  async #on(event: ServerEvent): Promise<void> {
    if (event.type === "MSG") await this.#subscriptions.get(event.subscription)?.(event.message);
    else if (event.type === "PING") await this.#server.send({ line: "PONG" });
    else if (event.type === "INFO") this.#maxPayload = event.maxPayload;
    else if (event.type === "-ERR") throw new CommandError(`The server refused: ${event.text}`);
  }
}

/** A line feed or a space in a subject would begin another command or argument. */
function checked(subject: string): string {
  if (!/^[^\s\0]+$/.test(subject)) {
    throw new RangeError(`Expected a subject without spaces, got ${JSON.stringify(subject)}`);
  }
  return subject;
}

if (import.meta.main) {
  const options = {
    subscribe: optional(text("SUBJECT", "Print the messages of a subject until Ctrl-C", "")),
    publish: optional(text("SUBJECT", "Publish the operands on a subject", "")),
  };
  const operands = { usage: "[MESSAGE...]", help: "The messages to publish", most: Infinity };
  const summary = "Publishes messages to NATS, or prints the messages of a subject.";
  runClient({ name: "nats", summary, port: 4222, operands, options }, async (run) => {
    const { values: { subscribe, publish }, operands, target, timeout, requests: { stop } } = run;
    await using client = await Nats.connect(target, timeout);
    if (publish !== undefined) {
      for (const message of operands) await client.publish(publish, encodeText(message));
      await client.flush();
    }
    if (subscribe === undefined) return;
    await client.subscribe(subscribe, ({ subject, payload }) => {
      return printLine(JSON.stringify({ subject, message: new TextDecoder().decode(payload) }));
    });
    await client.flush();
    await printLine(`Subscribed to ${subscribe}`);
    await client.ended().catch((error) => {
      if (!stop.aborted) throw error; // Ctrl-C closes the connection.
    });
    if (!stop.aborted) throw new CommandError("The server ended the connection");
  });
}

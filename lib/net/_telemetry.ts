import { type ListenAddress, normalHost } from "./address.ts";
import type { CloseReason } from "./errors.ts";

// Metrics and traces by OpenTelemetry's JavaScript API, without importing it: an implementation registers itself under
// this symbol. The runtime's own does so when OTEL_DENO=true.
const API = Symbol.for("opentelemetry.js.api.1");
declare const globalThis: { [API]?: { metrics?: MeterProvider; trace?: TracerProvider } };

type Attributes = Readonly<Record<string, string | number>>;
interface MeterProvider {
  getMeter(name: string): Meter;
}
interface Meter {
  createCounter(name: string, options: InstrumentOptions): Counter;
  createUpDownCounter(name: string, options: InstrumentOptions): Counter;
  createHistogram(name: string, options: InstrumentOptions): Histogram;
}
interface InstrumentOptions {
  description: string;
  unit: string;
  advice?: { explicitBucketBoundaries: number[] };
}
interface Counter {
  add(value: number, attributes: Attributes): void;
}
interface Histogram {
  record(value: number, attributes: Attributes): void;
}
interface TracerProvider {
  getTracer(name: string): Tracer;
}
interface Tracer {
  startActiveSpan<Result>(
    name: string,
    options: { kind: number; root: boolean; attributes: Attributes },
    run: (span: Span) => Result,
  ): Result;
}
interface Span {
  setAttributes(attributes: Attributes): void;
  recordException(error: Error): void;
  setStatus(status: { code: number; message: string }): void;
  end(): void;
}

/** Name of the instrumentation, of its metrics, and of the attributes for which OpenTelemetry has no names. */
const SCOPE = "wirebench";
const SERVER_SPAN = 1;
const ERROR_STATUS = 2;
/** Attribute for why a connection ended: its {@linkcode CloseReason}. */
const REASON = `${SCOPE}.close_reason`;
/** Bounds of the histogram of durations, in seconds. */
const BOUNDS = [1e-5, 1e-4, 1e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Returns the telemetry of a server, or `undefined` if no implementation of OpenTelemetry is registered. */
export function serverTelemetry(transport: "tcp" | "udp", address: ListenAddress): ServerTelemetry | undefined {
  const { metrics, trace } = globalThis[API] ?? {};
  if (metrics === undefined && trace === undefined) return undefined;
  return new ServerTelemetry(metrics?.getMeter(SCOPE), trace?.getTracer(SCOPE), attributesOf(transport, address));
}

function attributesOf(transport: "tcp" | "udp", { hostname, port, path }: ListenAddress): Attributes {
  return path === undefined
    ? { "network.transport": transport, "server.address": hostname, "server.port": port }
    : { "network.transport": "unix", "server.address": path };
}

function instrumentsOf(meter: Meter) {
  const connections = (which: string, description: string) =>
    [`${SCOPE}.server.connections.${which}`, { unit: "{connection}", description }] as const;
  return {
    accepted: meter.createCounter(...connections("accepted", "Connections accepted")),
    refused: meter.createCounter(...connections("refused", "Connections refused, by reason")),
    closed: meter.createCounter(...connections("closed", "Accepted connections that have ended, by reason")),
    open: meter.createUpDownCounter(...connections("open", "Open connections")),
    io: meter.createCounter(`${SCOPE}.server.io`, { unit: "By", description: "Bytes received and sent" }),
    messages: meter.createCounter(`${SCOPE}.server.messages`, {
      unit: "{message}",
      description: "Messages received and sent",
    }),
    duration: meter.createHistogram(`${SCOPE}.server.message.duration`, {
      unit: "s",
      description: "Time from receiving a message, or a batch of messages, until the handler is done with it",
      advice: { explicitBucketBoundaries: BOUNDS },
    }),
  };
}

/** The metrics of a server, and the tracer of its connections. */
export class ServerTelemetry {
  readonly #metrics: ReturnType<typeof instrumentsOf> | undefined;
  readonly #tracer: Tracer | undefined;
  readonly #attributes: Attributes;
  readonly #received: Attributes;
  readonly #sent: Attributes;

  constructor(meter: Meter | undefined, tracer: Tracer | undefined, attributes: Attributes) {
    this.#metrics = meter === undefined ? undefined : instrumentsOf(meter);
    this.#tracer = tracer;
    this.#attributes = attributes;
    this.#received = { ...attributes, "network.io.direction": "receive" };
    this.#sent = { ...attributes, "network.io.direction": "transmit" };
  }

  /** Counts a connection in, and runs its handler inside its span. */
  accept<Result>(remote: Deno.Addr, peer: string, run: (telemetry: ConnectionTelemetry) => Result): Result {
    this.#metrics?.accepted.add(1, this.#attributes);
    this.#metrics?.open.add(1, this.#attributes);
    if (this.#tracer === undefined) return run(new ConnectionTelemetry(this, undefined));
    const from: Attributes = "hostname" in remote
      ? { "network.peer.address": normalHost(remote.hostname), "network.peer.port": remote.port }
      : { "network.peer.address": peer };
    const options = { kind: SERVER_SPAN, root: true, attributes: { ...this.#attributes, ...from } };
    return this.#tracer.startActiveSpan("connection", options, (span) => run(new ConnectionTelemetry(this, span)));
  }

  refused(reason: CloseReason): void {
    this.#metrics?.refused.add(1, { ...this.#attributes, [REASON]: reason });
  }

  closed(reason: CloseReason): void {
    this.#metrics?.closed.add(1, { ...this.#attributes, [REASON]: reason });
    this.#metrics?.open.add(-1, this.#attributes);
  }

  read(bytes: number): void {
    this.#metrics?.io.add(bytes, this.#received);
  }

  wrote(bytes: number): void {
    this.#metrics?.io.add(bytes, this.#sent);
  }

  received(messages: number): void {
    this.#metrics?.messages.add(messages, this.#received);
  }

  sent(messages: number): void {
    this.#metrics?.messages.add(messages, this.#sent);
  }

  handled(milliseconds: number): void {
    this.#metrics?.duration.record(milliseconds / 1000, this.#attributes);
  }
}

/** Counts what passes a connection, for the metrics of its server and for its span. */
export class ConnectionTelemetry {
  readonly #server: ServerTelemetry;
  readonly #span: Span | undefined;
  #bytesRead = 0;
  #bytesWritten = 0;
  #messagesReceived = 0;
  #messagesSent = 0;
  /** When the handler got the message that it handles. */
  #receivedAt: number | undefined;

  constructor(server: ServerTelemetry, span: Span | undefined) {
    this.#server = server;
    this.#span = span;
  }

  read(bytes: number): void {
    this.#bytesRead += bytes;
    this.#server.read(bytes);
  }

  wrote(bytes: number): void {
    this.#bytesWritten += bytes;
    this.#server.wrote(bytes);
  }

  /** Called when the handler gets messages, or none at the end of the stream. */
  received(messages: number): void {
    if (messages === 0) return; // The end of the stream.
    this.#messagesReceived += messages;
    this.#server.received(messages);
    this.#receivedAt = performance.now();
  }

  sent(messages: number): void {
    this.#messagesSent += messages;
    this.#server.sent(messages);
  }

  /** Called when the handler asks for the next message or returns: it has handled those that it got. */
  handled(): void {
    if (this.#receivedAt === undefined) return;
    this.#server.handled(performance.now() - this.#receivedAt);
    this.#receivedAt = undefined;
  }

  /** Called when the connection has ended. */
  ended(reason: CloseReason, error: unknown): void {
    this.#server.closed(reason);
    this.#span?.setAttributes({
      [REASON]: reason,
      [`${SCOPE}.connection.bytes_received`]: this.#bytesRead,
      [`${SCOPE}.connection.bytes_sent`]: this.#bytesWritten,
      [`${SCOPE}.connection.messages_received`]: this.#messagesReceived,
      [`${SCOPE}.connection.messages_sent`]: this.#messagesSent,
    });
    if (reason === "failed") {
      if (error instanceof Error) this.#span?.recordException(error);
      this.#span?.setStatus({
        code: ERROR_STATUS,
        message: error instanceof Error ? error.message : Deno.inspect(error),
      });
    }
    this.#span?.end();
  }
}

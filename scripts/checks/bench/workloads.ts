import type { CompetitorName } from "./names.ts";

/** A service that peers implement too, or the proxy in front of an echo server. */
export type Service = "echo" | "delimited" | "lines" | "uppercase" | "chat" | "proxy";

/** A load, as the generator takes it. */
export interface Load {
  kind: "echo" | "lines" | "newlines" | "connect" | "uppercase" | "chat" | "idle";
  connections: number;
  /** Length of a message in bytes, without its framing. */
  size: number;
  /** Messages in flight on each connection or, in a chat, of each talker. */
  inFlight: number;
  /** Number of members of a chat that talk. */
  talkers?: number;
  /** Whether to time one more connection, which has one message in flight, beside the greedy ones. */
  polite?: boolean;
}

/** How many chat servers share a room, and how many servers of NATS keep it. */
export interface OverNats {
  servers: number;
  replicas: 1 | 3;
}

/** A measurement and its targets. */
export interface Workload {
  /** Its name on the command line; `echo` selects all that begin with `echo-`. */
  name: string;
  title: string;
  service: Service;
  load: Load;
  /** For a chat over NATS. */
  nats?: OverNats;
  /**
   * The result: operations a second, the median round trip of the polite connection, memory of a connection, or the time
   * from the server's start to its first answer.
   */
  measure: "rate" | "latency" | "memory" | "start";
  /** The operation, for `rate`; otherwise the unit of the result. */
  unit: string;
  /** Target ratios to competitors: at least this for `rate`, else at most. */
  targets: Partial<Record<CompetitorName, number>>;
  /** The least share of the median's round trips that the slowest connection may have. */
  fairness?: number;
  /** The most that the result may be. */
  most?: number;
  /** The longest round trip that the polite connection may have, in milliseconds. */
  worst?: number;
}

function echo(
  name: string,
  title: string,
  load: Omit<Load, "kind">,
  targets: Workload["targets"],
  more: Partial<Workload> = {},
): Workload {
  return {
    name,
    title,
    service: "echo",
    load: { kind: "echo", ...load },
    measure: "rate",
    unit: "round trips",
    targets,
    ...more,
  };
}

function uppercase(name: string, title: string, size: number, c: number): Workload {
  // Eight sockets, because sixteen datagrams of 8 KiB overrun a socket's buffer.
  const load: Load = { kind: "uppercase", connections: 8, size, inFlight: 1 };
  const targets = { c, node: 1.05, loop: 0.7 };
  return { name, title, service: "uppercase", load, measure: "rate", unit: "round trips", targets };
}

function chat(
  name: string,
  title: string,
  load: Required<Omit<Load, "kind" | "polite">>,
  targets: Workload["targets"],
): Workload {
  return {
    name,
    title,
    service: "chat",
    load: { kind: "chat", ...load },
    measure: "rate",
    unit: "deliveries",
    targets,
  };
}

/** Chat servers that share a room, with a member at each. Its rate is that of what they say. */
function overNats(servers: number, replicas: 1 | 3): Workload {
  return {
    name: `nats-${servers}-r${replicas}`,
    title: `chat over NATS, ${servers} servers, ${replicas === 1 ? "1 replica" : "3 replicas"}, 64 B`,
    service: "chat",
    load: { kind: "chat", connections: servers, talkers: servers, size: 64, inFlight: 8192 },
    nats: { servers, replicas },
    measure: "rate",
    unit: "messages",
    targets: { publisher: 0.8 },
  };
}

/** Echo through the proxy. */
function proxy(name: string, title: string, load: Omit<Load, "kind">): Workload {
  return echo(name, title, load, {}, { service: "proxy" });
}

/** Greedy connections, which always have messages in flight, and a polite one beside them. */
function fair(service: "echo" | "lines", connections: number): Workload {
  const [kind, size] = service === "echo" ? ["echo", 64] as const : ["newlines", 0] as const;
  return {
    name: `fair-${service}-${connections}`,
    title: `${service}, a polite client beside ${connections} greedy`,
    service,
    load: { kind, connections, size, inFlight: 4096, polite: true },
    measure: "latency",
    unit: "median ms",
    targets: {},
    most: 20,
    worst: 250,
  };
}

/** All workloads. The targets come from prototypes that were measured against the same peers. */
export const WORKLOADS: readonly Workload[] = [
  echo("echo-64", "echo, 16 × 64 B", { connections: 16, size: 64, inFlight: 1 }, {
    c: 0.8,
    bare: 0.95,
    node: 1.05,
    asyncio: 1,
  }),
  echo("echo-127", "echo, 127 × 64 B", { connections: 127, size: 64, inFlight: 1 }, { bare: 0.95 }),
  echo("echo-16", "echo, 16 × 1 KiB", { connections: 16, size: 1024, inFlight: 1 }, { bare: 0.95 }),
  echo("echo-1k", "echo, 128 × 1 KiB", { connections: 128, size: 1024, inFlight: 1 }, {
    c: 0.8,
    bare: 0.95,
    node: 1.05,
    asyncio: 1,
  }),
  echo("echo-10k", "echo, 16 × 10 KiB", { connections: 16, size: 10_240, inFlight: 1 }, {
    c: 0.8,
    bare: 0.95,
    node: 1.7,
    asyncio: 1,
  }),
  echo("echo-100k", "echo, 4 × 100 KiB, two in flight", { connections: 4, size: 102_400, inFlight: 2 }, {
    c: 0.8,
    bare: 0.95,
    node: 3.3,
  }),
  echo("echo-many", "echo, 1000 × 64 B", { connections: 1000, size: 64, inFlight: 1 }, { c: 0.72, node: 0.95 }, {
    fairness: 0.5,
  }),
  echo(
    "connect",
    "connect, echo, close",
    { connections: 16, size: 64, inFlight: 1 },
    { c: 0.78, bare: 0.95, node: 1 },
    {
      load: { kind: "connect", connections: 16, size: 64, inFlight: 1 },
      unit: "connections",
    },
  ),
  {
    name: "delimited",
    title: "delimited, 16 × 64 B, 64 in flight",
    service: "delimited",
    load: { kind: "lines", connections: 16, size: 64, inFlight: 64 },
    measure: "rate",
    unit: "lines",
    targets: { c: 0.8, node: 1.5, streams: 40 },
  },
  {
    name: "lines",
    title: "lines, 16 × 16 B, 64 in flight",
    service: "lines",
    load: { kind: "newlines", connections: 16, size: 16, inFlight: 64 },
    measure: "rate",
    unit: "lines",
    targets: {},
  },
  uppercase("uppercase-64", "uppercase, 64 B", 64, 0.47),
  uppercase("uppercase-1k", "uppercase, 1 KiB", 1024, 0.55),
  uppercase("uppercase-8k", "uppercase, 8 KiB", 8192, 0.9),
  chat("chat-50", "chat, 50 talk to 50, 64 B", { connections: 50, talkers: 50, size: 64, inFlight: 16 }, {
    c: 0.7,
    uvloop: 1,
  }),
  chat("chat-200", "chat, 10 talk to 200, 256 B", { connections: 200, talkers: 10, size: 256, inFlight: 16 }, {
    c: 0.9,
    asyncio: 4,
  }),
  chat("chat-16", "chat, 2 talk to 16, 10 KiB", { connections: 16, talkers: 2, size: 10_240, inFlight: 16 }, {
    c: 0.85,
  }),
  overNats(2, 1),
  overNats(3, 1),
  overNats(2, 3),
  overNats(3, 3),
  proxy("proxy-64", "proxy, 16 × 64 B", { connections: 16, size: 64, inFlight: 1 }),
  proxy("proxy-10k", "proxy, 16 × 10 KiB", { connections: 16, size: 10_240, inFlight: 1 }),
  proxy("proxy-100k", "proxy, 4 × 100 KiB, two in flight", { connections: 4, size: 102_400, inFlight: 2 }),
  fair("echo", 1),
  fair("echo", 200),
  fair("lines", 1),
  fair("lines", 200),
  echo("idle", "idle connections, 5000", { connections: 5000, size: 64, inFlight: 1 }, {}, {
    load: { kind: "idle", connections: 5000, size: 64, inFlight: 1 },
    measure: "memory",
    unit: "KB each",
    most: 10,
  }),
  echo("start", "start to first answer", { connections: 1, size: 64, inFlight: 1 }, { loop: 1.1 }, {
    measure: "start",
    unit: "ms",
  }),
];

/** The values of `--only`: each workload's name, and the prefix of those of a service. */
export const WORKLOAD_NAMES: readonly string[] = [
  ...new Set(WORKLOADS.flatMap(({ name }) => [name.split("-")[0]!, name])),
];

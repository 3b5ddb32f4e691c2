// A broker of MQTT 3.1.1 with QoS 0: no stored sessions, no retained messages, no passwords.
//
//     deno run --allow-net=127.0.0.1 examples/mqtt.ts
//     mosquitto_sub -V mqttv311 -t "home/#"
//     mosquitto_pub -V mqttv311 -t home/lamp -m on

import { encodeText } from "@wirebench/wirebench/framing";
import { runTcpServer } from "@wirebench/wirebench/launch";
import {
  type Connection,
  ConnectionError,
  framed,
  serveTcp,
  type ServeTcpOptions,
  type TcpServer,
} from "@wirebench/wirebench/net";
import {
  CONNACK,
  CONNECT,
  DISCONNECT,
  mqtt,
  PINGREQ,
  PINGRESP,
  type Publication,
  PUBLISH,
  SUBACK,
  SUBSCRIBE,
  UNSUBACK,
  UNSUBSCRIBE,
} from "./mqtt_packets.ts";

/** Maximum number of filters of a client: each costs time for every message published. */
const MOST_FILTERS = 32;
/** Number of bytes that may wait for a subscriber. It loses messages beyond them, as QoS 0 permits. */
const LONGEST_QUEUE = 1024 * 1024;

interface Client {
  connection: Connection;
  /** Filters, each with its levels. */
  filters: Map<string, string[]>;
}

/** Serves MQTT: every message goes to the clients with a filter that matches its topic. */
export function serveMqtt(options: ServeTcpOptions & { maxMessage?: number | undefined } = {}): TcpServer {
  const framing = mqtt(options.maxMessage);
  /** The connected clients under their identifiers. */
  const clients = new Map<string, Client>();

  function publish({ topic, payload }: Publication): void {
    const levels = topic.split("/");
    let packet: Uint8Array | undefined;
    for (const { connection, filters } of clients.values()) {
      if (connection.ending.aborted || connection.queued > LONGEST_QUEUE) continue;
      for (const filter of filters.values()) {
        if (!matches(filter, levels)) continue;
        connection.queue(packet ??= framing.encode([PUBLISH, string(topic), payload]));
        break;
      }
    }
  }

  // The keep-alive of each client takes the place of the idle timeout.
  return serveTcp({ port: 1883, ...options, idleTimeout: Infinity }, async (connection) => {
    const packets = framed(connection, framing);
    const first = await packets.receive();
    if (first === undefined) return;
    if (first.type !== CONNECT) throw refusal("Expected CONNECT first");
    const { level, clean, keepAlive, will } = first;
    const refused = level !== 4 ? 1 : first.client === "" && !clean ? 2 : 0;
    await packets.send([CONNACK, Uint8Array.of(0, refused)]);
    if (refused !== 0) throw refusal(refused === 1 ? `Expected level 4, got ${level}` : "Expected a client identifier");

    const name = first.client || crypto.randomUUID();
    clients.get(name)?.connection.close("finished", "The client has connected again");
    const client: Client = { connection, filters: new Map() };
    clients.set(name, client);
    let disconnected = false;
    try {
      while (!disconnected) {
        const packet = await packets.receive({ timeout: keepAlive === 0 ? Infinity : 1500 * keepAlive });
        if (packet === undefined) return;
        switch (packet.type) {
          case CONNECT:
            throw refusal("Expected one CONNECT, got a second");
          case PUBLISH:
            publish(packet.publication);
            break;
          case SUBSCRIBE:
            await packets.send([SUBACK, identifier(packet.id), subscribe(client, packet.filters)]);
            break;
          case UNSUBSCRIBE:
            for (const filter of packet.filters) client.filters.delete(filter);
            await packets.send([UNSUBACK, identifier(packet.id)]);
            break;
          case PINGREQ:
            await packets.send([PINGRESP]);
            break;
          case DISCONNECT:
            disconnected = true;
        }
      }
    } finally {
      if (clients.get(name) === client) clients.delete(name);
      if (!disconnected && will !== undefined) publish(will);
    }
  });
}

/** Adds filters; returns the return code for each: QoS 0, or failure. */
function subscribe({ filters }: Client, added: string[]): Uint8Array {
  return Uint8Array.from(added, (filter) => {
    if (filters.size >= MOST_FILTERS && !filters.has(filter)) return 0x80;
    filters.set(filter, filter.split("/"));
    return 0;
  });
}

/** Whether a filter, split at its slashes, matches a topic (4.7). */
export function matches(filter: readonly string[], topic: readonly string[]): boolean {
  if (topic[0]!.startsWith("$") && (filter[0] === "+" || filter[0] === "#")) return false;
  for (const [index, level] of filter.entries()) {
    if (level === "#") return true;
    if (index >= topic.length || (level !== "+" && level !== topic[index])) return false;
  }
  return filter.length === topic.length;
}

/** An error that closes a connection as one that broke the protocol. */
function refusal(message: string): ConnectionError {
  return new ConnectionError("malformed", message);
}

function identifier(id: number): Uint8Array {
  return Uint8Array.of(id >> 8, id);
}

function string(text: string): Uint8Array {
  const bytes = encodeText(text);
  const length = identifier(bytes.length);
  return Uint8Array.of(...length, ...bytes);
}

if (import.meta.main) {
  runTcpServer({
    name: "mqtt",
    summary: "Passes the messages that clients publish on to those that subscribe to their topics.",
    port: 1883,
    idleTimeout: false,
  }, serveMqtt);
}

import { credsAuthenticator, tokenAuthenticator, usernamePasswordAuthenticator } from "@nats-io/nats-core/internal";
import type { Authenticator } from "@nats-io/nats-core/internal";
import { CommandError } from "../../lib/cli/errors.ts";
import { formatAddress, type HostPort } from "../../lib/net/address.ts";
import { after } from "../../lib/net/timer.ts";
import { parseNatsAddress } from "./_nats_address.ts";
import { type NatsTarget, NobodyListens } from "./_nats_connection.ts";
import { Unavailable } from "./_nats_log.ts";

/** Time between two attempts, in milliseconds. */
const RETRY_AFTER = 250;
/** Time in which JetStream must be available, in milliseconds. A leader is elected within that time. */
const START_WITHIN = 15_000;

/**
 * Converts what a user gives.
 *
 * @param given Addresses of servers, credentials, and the certificate authority that signs for the servers.
 * @returns The servers, in an order that spreads chat servers over them, and how to connect.
 * @throws {TypeError} If an address is malformed.
 */
export function targetOf(
  given: { servers: string; credentials?: string | undefined; ca?: string | undefined },
): NatsTarget {
  const { tls, credentials, servers } = parseNatsAddress(given.servers);
  const first = Math.floor(Math.random() * servers.length);
  return {
    servers: [...servers.slice(first), ...servers.slice(0, first)],
    tls: given.ca === undefined ? (tls ? {} : undefined) : { caCerts: [given.ca] },
    authenticator: authenticatorOf(given.credentials ?? credentials),
  };
}

function authenticatorOf(credentials: string | undefined): Authenticator | undefined {
  if (credentials === undefined) return undefined;
  if (credentials.includes("-----BEGIN")) return credsAuthenticator(new TextEncoder().encode(credentials));
  const [user, password] = credentials.trim().split(/:(.*)/s);
  return password === undefined ? tokenAuthenticator(user!) : usernamePasswordAuthenticator(user!, password);
}

/**
 * Calls a function with one server after the other until it succeeds. JetStream may be electing a leader.
 *
 * @param target The servers.
 * @param open The function.
 * @returns What the function returned.
 * @throws {unknown} What it threw for the first server that listens, if no server succeeds.
 */
export async function firstOf<Value>(
  target: NatsTarget,
  open: (server: HostPort) => Promise<Value>,
): Promise<Value> {
  const began = performance.now();
  for (;;) {
    const errors: unknown[] = [];
    for (const server of target.servers) {
      try {
        return await open(server);
      } catch (error) {
        errors.push(error);
      }
    }
    const isSoon = errors.some((error) => error instanceof Unavailable) && performance.now() - began < START_WITHIN;
    if (!isSoon) throw errors.find((error) => !(error instanceof NobodyListens)) ?? nobodyListens(target);
    await new Promise((resolve) => after(RETRY_AFTER, () => resolve(undefined)));
  }
}

function nobodyListens({ servers }: NatsTarget): CommandError {
  const addresses = servers.map(formatAddress).join(", ");
  return new CommandError(`No NATS server at ${addresses}: start one with nats-server -js, or check --nats`);
}

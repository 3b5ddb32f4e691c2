import {
  choice,
  integer,
  type Option,
  optional,
  passedOn,
  seconds,
  text,
  UsageError,
  type Values,
} from "../../lib/cli/mod.ts";
import { readText } from "../../lib/launch/read_text.ts";
import { formatAddress } from "../../lib/net/address.ts";
import { requireAccess } from "../../lib/net/require_access.ts";
import type { ServeTcpOptions } from "../../lib/net/serve_tcp.ts";
import { parseNatsAddress } from "./_nats_address.ts";
import type { NatsRoomOptions } from "./_nats_room.ts";

/** Names a room. NATS makes its name a part of names of its own. */
const ROOM = /^[A-Za-z0-9_-]{1,64}$/;

/** Defaults of a room over NATS. */
export const DEFAULT_ROOM = "lobby";
export const DEFAULT_HISTORY_AGE = 3_600_000;
export const DEFAULT_HISTORY_BYTES: number = 256 * 1024 * 1024;

const address: Option<string | undefined> = {
  placeholder: "ADDRESS",
  help: "Share a room with other servers over NATS: nats://HOST:PORT, or tls://, more of them after commas",
  default: undefined,
  shown: "",
  parse(given) {
    parseNatsAddress(given);
    return given;
  },
};

const room: Option<string> = {
  placeholder: "NAME",
  help: "Name of the room",
  default: DEFAULT_ROOM,
  parse: checkRoom,
};

/**
 * Checks the name of a room.
 *
 * @param name The name.
 * @returns The name.
 * @throws {RangeError} If NATS would not accept it.
 */
export function checkRoom(name: string): string {
  if (!ROOM.test(name)) throw new RangeError(`expected 1 to 64 letters, digits, _ and -, got "${name}"`);
  return name;
}

const bytes = { least: 1024 * 1024 };

/** Options of a server over NATS. */
export const natsOptions = {
  nats: address,
  room: passedOn(room),
  natsReplicas: passedOn(choice("Number of NATS servers that keep the room", ["1", "3"], "1")),
  natsCa: optional(text("FILE", "Encrypt to NATS, and trust this certificate authority alone, in PEM", "")),
  natsCreds: optional(text("FILE", "Credentials file of NATS, or a file with USER:PASSWORD or a token", "")),
  history: passedOn(integer("N", "Messages of the room that a new member gets first", 0, { most: 1000 })),
  historyAge: passedOn(seconds("How long NATS keeps messages", DEFAULT_HISTORY_AGE)),
  historyBytes: passedOn(integer("BYTES", "Most bytes of messages that NATS keeps", DEFAULT_HISTORY_BYTES, bytes)),
};

/** Values of {@linkcode natsOptions}. */
export type NatsValues = Values<typeof natsOptions>;

/**
 * Throws if an option is given that means nothing without NATS.
 *
 * @param values The values of the command line.
 * @throws {UsageError} If there is one.
 */
export function checkWithoutNats(values: Partial<NatsValues>): void {
  for (const name of Object.keys(natsOptions) as (keyof NatsValues)[]) {
    const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (values[name] !== undefined) throw new UsageError(`--${option} needs --nats`);
  }
}

/**
 * Checks what the command line grants, and reads the files that it names.
 *
 * @param values The values of the command line.
 * @returns The options of the room.
 * @throws {CommandError} If a file cannot be read.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow a file or an address.
 */
export async function roomOptionsOf(
  values: Partial<NatsValues> & Pick<NatsRoomOptions, "slow" | "maxLag" | "maxMessage" | "log"> & ServeTcpOptions,
): Promise<NatsRoomOptions> {
  const { nats, natsReplicas, natsCa, natsCreds, path, hostname = "127.0.0.1", port = 0, ...rest } = values;
  const own = path === undefined ? [formatAddress({ hostname, port })] : [];
  const files = [natsCa, natsCreds].filter((file) => file !== undefined);
  const servers = parseNatsAddress(nats!).servers.map(formatAddress);
  await requireAccess({ read: files, import: [], net: [...servers, ...own] });
  return {
    ...rest,
    servers: nats!,
    replicas: natsReplicas === undefined ? undefined : Number(natsReplicas),
    ca: natsCa && await readText("--nats-ca", natsCa),
    credentials: natsCreds && await readText("--nats-creds", natsCreds),
  };
}

import { expect, type Option } from "../cli/options.ts";
import { type HostPort, parseHostPort } from "../net/address.ts";
import { allowList } from "../net/allow_list.ts";
import { type Endpoint, parseEndpoint } from "../net/endpoint.ts";

/** `HOST:PORT`, repeatable. An IPv6 address is in brackets. */
export function addresses(help: string): Option<HostPort[]> {
  return {
    placeholder: "HOST:PORT",
    help,
    default: [],
    repeats: true,
    parse(given) {
      const address = parseHostPort(given);
      return expect(address.port >= 1 && address.port <= 65_535, address, "HOST:PORT", given);
    },
  };
}

/** An address or a range in CIDR notation, repeatable. */
export function ranges(help: string): Option<string[]> {
  return {
    placeholder: "CIDR",
    help,
    default: [],
    repeats: true,
    parse(given) {
      allowList([given]);
      return given;
    },
  };
}

/** An endpoint; see {@linkcode parseEndpoint}. Without a default. */
export function endpoint(help: string): Option<Endpoint | undefined> {
  return { placeholder: "ADDRESS", help, default: undefined, shown: "", parse: parseEndpoint };
}

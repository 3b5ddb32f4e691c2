/** The link type of packets that begin with an IP header, of version 4 or 6. */
export const LINK_TYPE_RAW = 101;
/** The most bytes of payload in one TCP segment: an IPv4 packet of 65,535 bytes without the headers. */
export const MAX_SEGMENT = 65_495;
/** The largest window without window scaling. */
export const MAX_WINDOW = 65_535;

/** Flags of a TCP segment. */
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

const TCP = 6;
const UDP = 17;
const TTL = 64;
const DO_NOT_FRAGMENT = 0x4000;

/** An address in the form that packets contain. */
export interface PacketAddress {
  /** 4 or 16 bytes. */
  readonly ip: Uint8Array<ArrayBuffer>;
  readonly port: number;
}

/**
 * Parses the address of a socket. A packet contains only IP addresses, so `localhost` and Unix sockets become
 * 127.0.0.1, and other host names 192.0.2.1, an address reserved for documentation.
 *
 * @param text `HOST:PORT`, with or without `tcp://` or `udp://` before it; or any other text, for a Unix socket.
 * @param port The port for a socket that has none.
 */
export function packetAddress(text: string, port: number): PacketAddress {
  const [, bracketed, host, digits] = /^(?:\w+:\/\/)?(?:\[([\da-f:.]+)\]|([^:/\s]+)):(\d+)$/i.exec(text) ?? [];
  if (digits === undefined) return { ip: Uint8Array.of(127, 0, 0, 1), port };
  return { ip: bracketed === undefined ? ipv4(host!) : ipv6(bracketed), port: Number(digits) % 65_536 };
}

function ipv4(host: string): Uint8Array<ArrayBuffer> {
  if (host === "localhost") return Uint8Array.of(127, 0, 0, 1);
  const bytes = /^(\d+\.){3}\d+$/.test(host) ? host.split(".").map(Number) : [192, 0, 2, 1];
  return Uint8Array.from(bytes);
}

function ipv6(host: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  if (!URL.canParse(`http://[${host}]`)) return bytes;
  // The URL has hexadecimal groups only, whatever form was given.
  const [head = "", tail = ""] = new URL(`http://[${host}]`).hostname.slice(1, -1).split("::");
  const groups = (text: string) => text === "" ? [] : text.split(":");
  const view = new DataView(bytes.buffer);
  groups(head).forEach((group, index) => view.setUint16(2 * index, parseInt(group, 16)));
  groups(tail).reverse().forEach((group, index) => view.setUint16(14 - 2 * index, parseInt(group, 16)));
  return bytes;
}

/** Gives both addresses the same version: an IPv4 address beside an IPv6 one becomes an IPv4-mapped one. */
export function sameVersion(one: PacketAddress, other: PacketAddress): [PacketAddress, PacketAddress] {
  if (one.ip.length === other.ip.length) return [one, other];
  const mapped = ({ ip, port }: PacketAddress) => {
    if (ip.length === 16) return { ip, port };
    const bytes = new Uint8Array(16);
    bytes.fill(0xff, 10, 12);
    bytes.set(ip, 12);
    return { ip: bytes, port };
  };
  return [mapped(one), mapped(other)];
}

/** A TCP segment without its addresses and payload. */
export interface Segment {
  /** Modulo 2^32. */
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
}

/**
 * Makes an IP packet with a TCP segment. Both checksums are right if the payload is complete. `length` is the full length of a
 * payload of which only the beginning is given.
 */
export function tcpPacket(
  from: PacketAddress,
  to: PacketAddress,
  { seq, ack, flags, window }: Segment,
  payload: Uint8Array,
  length: number = payload.length,
): Uint8Array<ArrayBuffer> {
  const { packet, view, at } = ipPacket(from, to, TCP, 20, payload, length);
  view.setUint32(at + 4, seq);
  view.setUint32(at + 8, ack);
  view.setUint16(at + 12, 5 << 12 | flags);
  view.setUint16(at + 14, window);
  view.setUint16(at + 16, transportChecksum(packet, at, from, to, TCP));
  return packet;
}

/** Makes an IP packet with a UDP datagram, as {@linkcode tcpPacket} does with a segment. */
export function udpPacket(
  from: PacketAddress,
  to: PacketAddress,
  payload: Uint8Array,
  length: number = payload.length,
): Uint8Array<ArrayBuffer> {
  const { packet, view, at } = ipPacket(from, to, UDP, 8, payload, length);
  view.setUint16(at + 4, 8 + length);
  // Zero would mean that there is no checksum.
  view.setUint16(at + 6, transportChecksum(packet, at, from, to, UDP) || 0xffff);
  return packet;
}

/** Makes an IP packet with the ports of a transport header of the given length, and the payload after it. */
function ipPacket(
  from: PacketAddress,
  to: PacketAddress,
  protocol: number,
  header: number,
  payload: Uint8Array,
  length: number,
) {
  const is4 = from.ip.length === 4;
  const at = is4 ? 20 : 40;
  const packet = new Uint8Array(at + header + payload.length);
  const view = new DataView(packet.buffer);
  if (is4) {
    view.setUint16(0, 0x4500);
    view.setUint16(2, at + header + length);
    view.setUint16(6, DO_NOT_FRAGMENT);
    view.setUint16(8, TTL << 8 | protocol);
    packet.set(from.ip, 12);
    packet.set(to.ip, 16);
    view.setUint16(10, checksum(packet.subarray(0, at)));
  } else {
    view.setUint16(0, 0x6000);
    view.setUint16(4, header + length);
    view.setUint16(6, protocol << 8 | TTL);
    packet.set(from.ip, 8);
    packet.set(to.ip, 24);
  }
  view.setUint16(at, from.port);
  view.setUint16(at + 2, to.port);
  packet.set(payload, at + header);
  return { packet, view, at };
}

/** The checksum of a transport header that begins at `at` and of all after it, with the pseudo-header before it. */
function transportChecksum(
  packet: Uint8Array,
  at: number,
  from: PacketAddress,
  to: PacketAddress,
  protocol: number,
): number {
  const pseudo = sumOf(from.ip) + sumOf(to.ip) + protocol + (packet.length - at);
  return checksum(packet.subarray(at), pseudo);
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Uint8Array, sum = 0): number {
  sum += sumOf(bytes);
  while (sum > 0xffff) sum = sum % 0x10000 + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at]! << 8 | (bytes[at + 1] ?? 0);
  return sum;
}

// The packets of MQTT 3.1.1, for the broker in mqtt.ts.

import { customFraming, type DecodedFrame, type Framing } from "@wirebench/wirebench/framing";

// The types of packets, with the flags that the protocol demands (2.2.2).

/** A client begins. */
export const CONNECT = 0x10;
/** The broker accepts or refuses the client. */
export const CONNACK = 0x20;
/** A message, with QoS 0. */
export const PUBLISH = 0x30;
/** A client wants the messages on topics. */
export const SUBSCRIBE = 0x82;
/** Whether the client will get them, for each filter. */
export const SUBACK = 0x90;
/** A client no longer wants the messages on topics. */
export const UNSUBSCRIBE = 0xa2;
/** The broker confirms it. */
export const UNSUBACK = 0xb0;
/** A client shows that it is there. */
export const PINGREQ = 0xc0;
/** The broker answers. */
export const PINGRESP = 0xd0;
/** A client leaves as intended, so its will is not published. */
export const DISCONNECT = 0xe0;

/** What clients may send; the lowest bit of PUBLISH asks to retain the message. */
const FROM_CLIENTS = [CONNECT, PUBLISH, PUBLISH | 1, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT];
const EXPECTED = "CONNECT, PUBLISH with QoS 0, SUBSCRIBE, UNSUBSCRIBE, PINGREQ or DISCONNECT";
/** Maximum length of a topic in bytes. */
const LONGEST_TOPIC = 1024;

/** A message on a topic. */
export interface Publication {
  /** Levels with slashes between them. */
  topic: string;
  /** Any bytes. */
  payload: Uint8Array;
}

/** What clients send. */
export type Packet =
  | { type: typeof CONNECT; level: number; clean: boolean; keepAlive: number; client: string; will?: Publication }
  | { type: typeof PUBLISH; publication: Publication }
  | { type: typeof SUBSCRIBE | typeof UNSUBSCRIBE; id: number; filters: string[] }
  | { type: typeof PINGREQ | typeof DISCONNECT };

/** Packets of clients in, packets of the broker out: the first byte, then the rest without its length. */
export function mqtt(maxLength?: number): Framing<Packet, [type: number, ...body: Uint8Array[]]> {
  return customFraming({
    maxLength,
    encode([type, ...body]) {
      const length = body.reduce((sum, { length }) => sum + length, 0);
      const header = [type];
      let rest = length;
      do header.push(rest % 128 + (rest > 127 ? 128 : 0)); while ((rest = Math.floor(rest / 128)) > 0);
      const packet = new Uint8Array(header.length + length);
      let at = 0;
      for (const bytes of [header, ...body]) {
        packet.set(bytes, at);
        at += bytes.length;
      }
      return packet;
    },
    decode(bytes, start, end, { text, copy, malformed }): DecodedFrame<Packet> | number {
      if (!FROM_CLIENTS.includes(bytes[start]!)) throw malformed(EXPECTED, start);
      let at = start + 1;
      let length = 0;
      for (let unit = 1, more = true; more; unit *= 128, at++) {
        if (at === end) return 1;
        if (at > start + 4) throw malformed("a length of at most 4 bytes", start + 1, at);
        length += bytes[at]! % 128 * unit;
        more = bytes[at]! > 127;
      }
      const packetEnd = at + length;
      if (packetEnd > end) return packetEnd - end;

      const take = (count: number): number => {
        if (at + count > packetEnd) throw malformed(`${count} more bytes in the packet`, start, at);
        return (at += count) - count;
      };
      const byte = () => bytes[take(1)]!;
      const integer = () => 256 * byte() + byte();
      const string = () => {
        const size = integer();
        const from = take(size);
        const value = text(from, from + size);
        if (value.includes("\0")) throw malformed("a string without U+0000", from, from + size);
        return value;
      };
      const binary = () => {
        const size = integer();
        const from = take(size);
        return copy(from, from + size);
      };
      const topic = (valid: RegExp) => {
        const from = at;
        const value = string();
        if (valid.test(value) && at - from - 2 <= LONGEST_TOPIC) return value;
        throw malformed(`a valid topic of at most ${LONGEST_TOPIC} bytes`, from + 2, Math.min(at, from + 66));
      };
      const identifier = () => {
        const id = integer();
        if (id === 0) throw malformed("a packet identifier above 0", at - 2, at);
        return id;
      };

      function read(): Packet {
        const type = bytes[start]!;
        switch (type) {
          case CONNECT: {
            if (string() !== "MQTT") throw malformed("the protocol name MQTT", start, at);
            const level = byte();
            const flags = byte();
            if (level !== 4) { // What follows in another version is unknown.
              at = packetEnd;
              return { type, level, clean: true, keepAlive: 0, client: "" };
            }
            // Bits: 7 user name, 6 password, 5 retained will, 3 and 4 QoS of the will, 2 will, 1 clean session.
            const will = (flags & 0x04) !== 0;
            const invalid = flags & 1 || (will ? (flags & 0x18) === 0x18 : flags & 0x38) || (flags & 0xc0) === 0x40;
            if (invalid) throw malformed("valid flags of CONNECT", at - 1);
            const keepAlive = integer();
            const client = string();
            const clean = (flags & 0x02) !== 0;
            const packet: Packet = { type, level, clean, keepAlive, client };
            if (will) packet.will = { topic: topic(TOPIC), payload: binary() };
            if (flags & 0x80) string();
            if (flags & 0x40) binary();
            return packet;
          }
          case PUBLISH:
          case PUBLISH | 1: {
            const name = topic(TOPIC);
            return { type: PUBLISH, publication: { topic: name, payload: copy(take(packetEnd - at), packetEnd) } };
          }
          case SUBSCRIBE:
          case UNSUBSCRIBE: {
            const id = identifier();
            const filters: string[] = [];
            do {
              filters.push(topic(FILTER));
              if (type === SUBSCRIBE && byte() > 2) throw malformed("a QoS of 0, 1 or 2", at - 1);
            } while (at < packetEnd);
            return { type, id, filters };
          }
          case PINGREQ:
          case DISCONNECT:
            return { type };
        }
        throw malformed(EXPECTED, start);
      }
      const message = read();
      if (at < packetEnd) throw malformed("the end of the packet", at);
      return { message, end: packetEnd };
    },
  });
}

const TOPIC = /^[^+#]+$/;
const FILTER = /^(?=.)(?:(?:\+|[^+#/]*)\/)*(?:#|\+|[^+#/]*)$/s;

// The parts of the peers that are used. They make the packages known to `deno check` of the whole project, whose own
// deno.json does not have them. tests/project_test.ts compares these with deno.json beside this file.

declare module "@std/streams/delimiter-stream" {
  export class DelimiterStream extends TransformStream<Uint8Array, Uint8Array> {
    constructor(delimiter: Uint8Array);
  }
}

declare module "binary-split" {
  export default function split(delimiter: string): import("node:stream").Duplex;
}

declare module "frame-stream" {
  const frame: { decode(): import("node:stream").Duplex };
  export default frame;
}

declare module "it-length-prefixed" {
  export interface ByteList {
    readonly byteLength: number;
    getUint32(at: number): number;
    subarray(from?: number, to?: number): Uint8Array;
  }
  export function decode(
    source: Iterable<Uint8Array>,
    options: { lengthDecoder: ((bytes: ByteList) => number) & { bytes: number }; maxLengthLength: number },
  ): Generator<ByteList>;
}

declare module "netstring" {
  const netstring: {
    Stream: new (source: import("node:events").EventEmitter) => import("node:events").EventEmitter;
  };
  export default netstring;
}

declare module "netstring-stream" {
  const netstring: { readStream(): import("node:stream").Duplex };
  export default netstring;
}

declare module "pickleparser" {
  export class Parser {
    constructor(options: { unpicklingTypeOfDictionary: "Map" });
    parse(bytes: Uint8Array): unknown;
  }
}

declare module "redis-parser" {
  type Reply = string | number | null | Reply[];
  export default class RedisParser {
    constructor(options: {
      returnReply(reply: Reply): void;
      returnError(error: Error): void;
      returnFatalError(error: Error): void;
    });
    execute(chunk: Uint8Array): void;
  }
}

declare module "split2" {
  export default function split(): import("node:stream").Duplex;
}

// What the tests of lib/framing use of Deno, for Node.
import { readFile } from "node:fs/promises";
import { Buffer } from "node:buffer";
import test from "node:test";
import process from "node:process";
import { inspect } from "node:util";

type Test = { name: string; ignore?: boolean; fn: () => void | Promise<void> };

Object.defineProperty(Uint8Array.prototype, "hexOfTest", {
  value(this: Uint8Array) {
    return Buffer.from(this).toString("hex");
  },
});
Object.assign(Uint8Array, {
  fromBase64: (text: string) => new Uint8Array(Buffer.from(text, "base64")),
  fromHex: (text: string) => new Uint8Array(Buffer.from(text, "hex")),
});

Object.assign(globalThis, {
  Deno: {
    inspect,
    memoryUsage: process.memoryUsage,
    readTextFile: (url: URL) => readFile(url, "utf8"),
    test(name: string | Test, fn?: Test["fn"]) {
      const { name: named, ignore: skip = false, fn: run } = typeof name === "string" ? { name, fn: fn! } : name;
      test(named, { skip }, run);
    },
  },
});

// What the tests of lib/framing use of tests/harness.ts, for Node.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

export function textOf(data: Uint8Array): string {
  return decoder.decode(data);
}

export function headed(payload: string | Uint8Array): Uint8Array {
  const data = typeof payload === "string" ? bytes(payload) : payload;
  return Uint8Array.from([...bytes(String(data.length).padEnd(10)), ...data]);
}

export function hasProgram(): boolean {
  return false;
}

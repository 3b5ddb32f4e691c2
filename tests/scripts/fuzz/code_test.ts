import { assertEquals } from "@std/assert";
import { decodeChunks, lines, PickleFloat, PickleTuple } from "@wirebench/wirebench/framing";
import { code } from "../../../scripts/checks/fuzz/code.ts";
import { bytes } from "../../harness.ts";

Deno.test("code() formats a value as an expression that evaluates to it", () => {
  const values: [value: unknown, expression: string][] = [
    [-0, "-0"],
    [NaN, "NaN"],
    [[1n, "a\n\u2028", null, true], '[1n, "a\\n\u2028", null, true]'],
    [Uint8Array.of(1, 2), "Uint8Array.of(1, 2)"],
    [
      new Map([[1, new PickleTuple([new PickleFloat(2)])]]),
      [
        "new Map<PickleValue, PickleValue>([[1, new PickleTuple([new PickleFloat(2)])]])",
      ].join(),
    ],
    [JSON.parse('{"__proto__": 1}'), '{ ["__proto__"]: 1 }'],
  ];
  for (const [value, expression] of values) assertEquals(code(value), expression);
  const { messages } = decodeChunks(lines(), [bytes("a\n")]);
  assertEquals(code(messages), "[Uint8Array.of(97)]");
});

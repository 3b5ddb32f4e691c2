import { judge } from "@wirebench/wirebench/judge";
import { pythonPrograms } from "./tests/judge/_programs.ts";
import { ChildProcess } from "./scripts/shared/child_process.ts";
const only = Deno.args;
const programs = pythonPrograms("server").filter((p) => p.wrong !== undefined && (only.length === 0 || only.includes(p.protocol)));
let bad = 0;
const queue = [...programs];
async function work() {
  for (let p; (p = queue.shift()) !== undefined;) {
    const command = new Deno.Command("python3", { args: ["-u", p.file, "0"], stdout: "piped", stderr: "null" });
    await using server = new ChildProcess(command.spawn());
    const port = Number((await server.line())!.split(":").at(-1));
    (async () => { while (await server.line() !== undefined) { /* dropped */ } })();
    const began = performance.now();
    const findings = await judge(p.protocol, { port, timeout: 3000 });
    const wrongs = findings.filter(({ verdict }) => verdict === "wrong");
    const names = wrongs.map((f) => f.case);
    const ok = names.includes(p.wrong!);
    if (!ok) bad++;
    console.log(`${ok ? (names[0] === p.wrong ? "FIRST" : "ok   ") : "MISS "} ${p.file.split("/programs/")[1]} expected ${p.wrong}: ${names.join(", ")} (${Math.round((performance.now() - began) / 100) / 10} s)`);
    if (!ok) for (const w of wrongs) console.log("      ", w.case, w.said.slice(0, 200));
  }
}
await Promise.all([work(), work(), work()]);
console.log("missed", bad, "of", programs.length);

import type { Program } from "./run.ts";

/**
 * Describes a program of this repository, which a task of the same name starts.
 *
 * @param name The task: `echo:server`, `proxy`, `load`.
 * @returns The program. The advice of a service is the command that adds a grant to its permission set.
 */
export function task(name: string): Program {
  const program = { name, usage: `deno task ${name}` };
  // The proxy has no client. Tools are not services, and have no file of this form.
  const [, service, side] = /^(.+):(server|client)$/.exec(name === "proxy" ? "proxy:server" : name) ?? [];
  if (service === undefined) return program;
  const file = `services/${service.replaceAll("-", "_")}/${side}.ts`;
  const advice = {
    grant: (flags: string) => `deno run -P=${name.replace(":", "-")} ${flags} ${file}`,
    server: `deno task ${service}:server`,
    certificate: "deno task certs",
  };
  return { ...program, advice };
}

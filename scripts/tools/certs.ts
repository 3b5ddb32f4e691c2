/**
 * Makes a certificate for servers on this machine, and the CA that signed it, to try out TLS.
 *
 * @module
 */

import { CommandError, flag, integer, type Option, type Values } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { makeCertificates, MOST_DAYS, type SubjectName, subjectName } from "./certs/make.ts";

const FOLDER = "certs";
const CA = `${FOLDER}/ca.pem`;
const CERTIFICATE = `${FOLDER}/localhost.pem`;
const KEY = `${FOLDER}/localhost-key.pem`;

const name: Option<SubjectName[]> = {
  placeholder: "NAME",
  help: "Another name or address of the server, besides localhost, 127.0.0.1 and ::1",
  default: [],
  repeats: true,
  parse: subjectName,
};

const options = {
  name,
  days: integer("N", "Number of days for which it is valid", 90, { least: 1, most: MOST_DAYS }),
  force: flag("Replace existing files"),
};

/** All three files belong together: clients that trust the old CA do not trust a new certificate. */
const EXISTS =
  `There is already a certificate in ${FOLDER}: --force replaces all three files, and clients then need the new ${CA}`;

async function main({ name: names, days, force }: Values<typeof options>): Promise<void> {
  const { ca, certificate, key, names: all, notAfter, fingerprint } = await makeCertificates({ names, days });
  const files = [[KEY, key, 0o600], [CERTIFICATE, certificate, 0o644], [CA, ca, 0o644]] as const;
  for (const [path] of files) {
    if (!force && exists(path)) throw new CommandError(EXISTS);
  }
  Deno.mkdirSync(FOLDER, { recursive: true });
  for (const [path, pem, mode] of files) {
    // The mode applies to new files only.
    if (exists(path)) Deno.removeSync(path);
    Deno.writeTextFileSync(path, pem, { mode, createNew: true });
  }
  console.log(`${CERTIFICATE}      for ${all.map(({ value }) => value).join(", ")}
                        valid until ${notAfter.toISOString().slice(0, 16).replace("T", " ")} UTC
                        SHA-256 ${fingerprint}
${KEY}  its private key: keep it secret
${CA}             the CA that signed it, for clients to trust. Its private key was not kept, so
                        it can sign no other certificate.

To start a server with it, and to connect to it in two ways:

  deno task echo:server --tls-cert ${CERTIFICATE} --tls-key ${KEY}
  deno task echo:client --tls-ca ${CA}
  openssl s_client -connect 127.0.0.1:65432 -CAfile ${CA} -verify_return_error`);
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

if (import.meta.main) {
  await runTask(
    {
      ...task("certs"),
      summary: `Makes a certificate for TLS on this machine, and its CA, in ${FOLDER}/.`,
      options,
    },
    "warning",
    ({ values }) => main(values),
  );
}

import { makeCertificates } from "../../tools/certs/make.ts";

/** The folder from which the sandbox of every server may read certificates. */
const FOLDER = "certs";

/** A certificate in files for servers, and its CA for clients. Disposing of it removes the files. */
export class Certificates implements Disposable {
  readonly #folder: string;
  /** The CA, in PEM. */
  readonly ca: string;

  private constructor(folder: string, ca: string) {
    this.#folder = folder;
    this.ca = ca;
  }

  /** Makes a certificate and writes the files. */
  static async make(): Promise<Certificates> {
    const { ca, certificate, key } = await makeCertificates();
    Deno.mkdirSync(FOLDER, { recursive: true });
    const certificates = new Certificates(Deno.makeTempDirSync({ dir: FOLDER, prefix: "soak-" }), ca);
    Deno.writeTextFileSync(certificates.#certificate, certificate);
    Deno.writeTextFileSync(certificates.#key, key, { mode: 0o600 });
    return certificates;
  }

  /** The TLS options of a server. */
  get args(): string[] {
    return ["--tls-cert", this.#certificate, "--tls-key", this.#key];
  }

  get #certificate(): string {
    return `${this.#folder}/certificate.pem`;
  }

  get #key(): string {
    return `${this.#folder}/key.pem`;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
    try {
      Deno.removeSync(FOLDER);
    } catch {
      // It contains other certificates.
    }
  }
}

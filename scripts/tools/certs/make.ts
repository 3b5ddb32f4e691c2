// The next library needs reflect-metadata to be imported first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

/** How far a client's clock may be behind, in milliseconds. */
const CLOCK_SKEW = 10 * 60 * 1000;
const DAY = 24 * 60 * 60 * 1000;
/** The longest validity that clients accept, in days (CA/Browser Forum, Baseline Requirements, 6.3.2). */
export const MOST_DAYS = 398;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A name in a certificate: what a client calls the server. */
export interface SubjectName {
  type: "dns" | "ip";
  value: string;
}

/** The names of this machine, which every certificate includes. */
const LOCAL_NAMES: readonly SubjectName[] = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
  { type: "ip", value: "::1" },
];

/** Options of {@linkcode makeCertificates}. */
export interface CertificateOptions {
  /** Names of the server besides {@linkcode LOCAL_NAMES}. */
  names?: readonly SubjectName[];
  /** The validity in days: an integer from 1 to 398. */
  days?: number;
  /** The current time. */
  now?: Date;
}

/** A server's certificate and the CA that signed it, in PEM. */
export interface Certificates {
  /** The CA's certificate, for clients. */
  ca: string;
  /** The server's certificate. */
  certificate: string;
  /** The server's private key. */
  key: string;
  /** All names of the server. */
  names: SubjectName[];
  /** The end of the validity. */
  notAfter: Date;
  /** SHA-256 of the certificate in the form of `openssl x509 -fingerprint`. */
  fingerprint: string;
}

/**
 * Makes a CA and one certificate signed by it (RFC 5280). Clients refuse a certificate that is its own CA.
 *
 * The CA's private key is not kept, so the CA can sign no other certificate.
 *
 * @param options The names and the validity.
 * @returns The certificates and the server's key.
 * @throws {RangeError} If `days` is out of range.
 */
export async function makeCertificates(
  { names = [], days = 90, now = new Date() }: CertificateOptions = {},
): Promise<Certificates> {
  if (!Number.isInteger(days) || days < 1 || days > MOST_DAYS) {
    throw new RangeError(`Cannot make a certificate for ${days} days: expected an integer from 1 to ${MOST_DAYS}`);
  }
  const notBefore = new Date(now.getTime() - CLOCK_SKEW);
  const validity = {
    notBefore,
    // The validity includes its last second (RFC 5280, 4.1.2.5).
    notAfter: new Date(notBefore.getTime() + days * DAY - 1000),
    signingAlgorithm: ALGORITHM,
  };
  const caKeys = await generateKeys();
  const caSerial = serialNumber();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: caSerial,
    // A unique name: clients confuse CAs that have the same name and different keys.
    name: `CN=Wirebench CA ${caSerial.slice(0, 8)}`,
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const keys = await generateKeys();
  const all = [...new Map([...LOCAL_NAMES, ...names].map((name) => [name.value, name])).values()];
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: serialNumber(),
    subject: "CN=localhost",
    issuer: ca.subjectName,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(all),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const digest = new Uint8Array(await certificate.getThumbprint("SHA-256"));
  return {
    ca: `${ca.toString("pem")}\n`,
    certificate: `${certificate.toString("pem")}\n`,
    key: `${x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY")}\n`,
    names: all,
    notAfter: certificate.notAfter,
    fingerprint: digest.toHex().toUpperCase().match(/../g)!.join(":"),
  };
}

/**
 * Parses a name of a server.
 *
 * @param given A DNS name, which may start with `*.`, or an IP address.
 * @returns The name in the form that certificates use: in ASCII and lower case.
 * @throws {RangeError} If it is neither.
 */
export function subjectName(given: string): SubjectName {
  const bare = given.replace(/^\[(.*)\]$/, "$1");
  const url = /[\s/\\@?#%]/.test(bare) ? null : URL.parse(`http://${bare.includes(":") ? `[${bare}]` : bare}/`);
  const host = url?.host ?? "";
  if (host.startsWith("[")) return { type: "ip", value: host.slice(1, -1) };
  // URLs accept 127.1 and 1 as addresses; certificates do not.
  if (/^[\d.]+$/.test(host)) {
    if (host === bare) return { type: "ip", value: host };
  } else if (host.length <= 253 && host.replace(/^\*\./, "").split(".").every(isLabel)) {
    return { type: "dns", value: host };
  }
  throw new RangeError(`expected a DNS name or an IP address, got "${given}"`);
}

/** Whether a text is a label of a host name (RFC 1123, 2.1). */
function isLabel(label: string): boolean {
  return /^(?!-)[a-z\d-]{1,63}(?<!-)$/.test(label);
}

async function generateKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
}

/** 16 random bytes in hex, a positive number (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toHex();
}

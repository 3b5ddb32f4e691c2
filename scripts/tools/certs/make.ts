// reflect-metadata first: the library below cannot be imported without it.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

/** How far the clock of a client may be behind, in milliseconds. */
const CLOCK_SKEW = 10 * 60 * 1000;
const DAY = 24 * 60 * 60 * 1000;
/** The longest that clients accept (CA/Browser Forum, Baseline Requirements, 6.3.2: 398 days). */
export const MOST_DAYS = 398;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Who a certificate is for: what a client calls the server it connects to. */
export interface SubjectName {
  type: "dns" | "ip";
  value: string;
}

/** The names of the machine itself, which every certificate has. */
export const LOCAL_NAMES: readonly SubjectName[] = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
  { type: "ip", value: "::1" },
];

/** What to make. */
export interface CertificateOptions {
  /** What the server is called besides {@linkcode LOCAL_NAMES}. */
  names?: readonly SubjectName[];
  /** How many days it is valid: an integer from 1 to 398. */
  days?: number;
  /** When it is made. */
  now?: Date;
}

/** A certificate for a server, and the CA that vouches for it, in PEM. */
export interface Certificates {
  /** What a client is to trust. */
  ca: string;
  /** What the server shows. */
  certificate: string;
  /** What the server must keep to itself. */
  key: string;
  /** All the names that it is for. */
  names: SubjectName[];
  /** Until when it is valid. */
  notAfter: Date;
  /** SHA-256 of the certificate, as `openssl x509 -fingerprint` writes it. */
  fingerprint: string;
}

/**
 * Makes a CA and one certificate signed by it (RFC 5280). A certificate that were its own CA would be refused.
 *
 * The CA's private key is forgotten when this returns: whoever trusts the CA trusts this one certificate, and nobody can
 * make another.
 *
 * @param options What it is for, and for how long.
 * @returns Everything in PEM.
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
    // The last second counts (RFC 5280, 4.1.2.5).
    notAfter: new Date(notBefore.getTime() + days * DAY - 1000),
    signingAlgorithm: ALGORITHM,
  };
  const caKeys = await generateKeys();
  const caSerial = serialNumber();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: caSerial,
    // A name of its own: two CAs of one name and different keys are taken for each other.
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
 * Reads a name that a server can have.
 *
 * @param given A DNS name, which may begin in `*.`, or an IP address.
 * @returns The name as a certificate has it: in ASCII and lower case.
 * @throws {RangeError} If it is neither.
 */
export function subjectName(given: string): SubjectName {
  const bare = given.replace(/^\[(.*)\]$/, "$1");
  const url = /[\s/\\@?#%]/.test(bare) ? null : URL.parse(`http://${bare.includes(":") ? `[${bare}]` : bare}/`);
  const host = url?.host ?? "";
  if (host.startsWith("[")) return { type: "ip", value: host.slice(1, -1) };
  // A URL takes 127.1 and 1 for addresses too, which nobody means here.
  if (/^[\d.]+$/.test(host)) {
    if (host === bare) return { type: "ip", value: host };
  } else if (host.length <= 253 && host.replace(/^\*\./, "").split(".").every(isLabel)) {
    return { type: "dns", value: host };
  }
  throw new RangeError(`expected a DNS name or an IP address, got "${given}"`);
}

/** A part of a host name (RFC 1123, 2.1). */
function isLabel(label: string): boolean {
  return /^(?!-)[a-z\d-]{1,63}(?<!-)$/.test(label);
}

async function generateKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
}

/** 16 random bytes in hex, positive as RFC 5280, 4.1.2.2 wants it. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toHex();
}

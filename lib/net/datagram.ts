/** The largest payload of a datagram in bytes: 65,535 less the headers of UDP and IPv4 (RFC 768, RFC 791). */
export const MAX_PAYLOAD_IPV4 = 65_507;
/** The same over IPv6, whose header does not count (RFC 8200, 3). */
export const MAX_PAYLOAD_IPV6 = 65_527;
/** The size of a receive buffer, in bytes. No datagram is longer, so none is truncated. */
export const DATAGRAM_BUFFER_SIZE = 65_536;

/** The tutorial's port. */
export const PORT = 65432;

/** What the client says unless it is given something else. */
export const GREETING = "Hello, world";

/** The tutorial's port. */
export const PORT = 65432;

/** The client's message if none is given. */
export const DEFAULT_MESSAGE = "Hello, world";

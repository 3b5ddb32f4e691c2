/** How long to wait for anything before failing, in milliseconds. */
const TIMEOUT = 60_000;

/** Waits for a promise, by default for a minute at most. The error describes the missing event with `what`. */
export async function within<T>(
  promise: Promise<T>,
  what: string | (() => string),
  timeout: number = TIMEOUT,
): Promise<T> {
  let timer;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited for ${typeof what === "string" ? what : what()}`)), timeout);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

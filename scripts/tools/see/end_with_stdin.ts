// Preloaded into a service: ends the program with its standard input, so that it does not outlive its parent.

async function endWithStdin(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit();
}

// The main program starts when a preloaded one has nothing left to wait for.
Deno.unrefTimer(setTimeout(endWithStdin, 0));

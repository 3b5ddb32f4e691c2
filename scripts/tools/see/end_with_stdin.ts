// Preloaded into a service: ends the program with its standard input, so that it does not outlive its parent.

// The main program starts when a preloaded one has nothing left to wait for.
addEventListener("load", async () => {
  for await (const _ of Deno.stdin.readable);
  Deno.exit();
});

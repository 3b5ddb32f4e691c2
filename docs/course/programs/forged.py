name = "ann\n[10:53:16 – Server]: Shutting down"
print("[10:53:15 – Server]:", name, "joined")
print("[10:53:15 – Server]:", ascii(name), "joined")

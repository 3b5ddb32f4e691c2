"""The server of lines, whose socket is a file. A line may be as long as memory, and a client may say nothing for ever.

right, but: silent, endless
"""
import socketserver
import sys


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            for line in self.rfile:
                line.decode("utf-8")
                self.wfile.write(line.rstrip(b"\n").removesuffix(b"\r") + b"\n")
        except (OSError, UnicodeDecodeError) as error:
            print("A client failed:", error)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    print("Listening at %s:%d" % server.server_address, flush=True)
    server.serve_forever()

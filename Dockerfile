# A chat server, for compose.yaml. Written without Docker at hand: not run yet.
FROM denoland/deno:2.9.6
WORKDIR /app
COPY . .
RUN deno install --frozen
USER deno
EXPOSE 1234
ENTRYPOINT ["deno", "run", "-q", "--no-prompt", "--cached-only", "-P=chat-server", "--allow-net", "services/chat/server.ts", "--host", "0.0.0.0"]

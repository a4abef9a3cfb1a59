/**
 * A TCP proxy that delays all bytes in both directions, like a long line. The bandwidth is not limited.
 *
 * Runs in its own process, so that it does not share the event loop of the client: `node delay-proxy.js TARGET DELAY_MS` prints its
 * port. At the end of its input, it prints the largest number of bytes that were on the line from the server at one time.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

const [target = "", delay = "10"] = process.argv.slice(2);
const delayMs = Number(delay);
let most = 0;

/** Forwards the bytes of `from` to `to`, each after the delay. */
function forward(from: Socket, to: Socket, count: (onTheLine: number) => void = () => undefined): void {
  let onTheLine = 0;
  const queue: { due: number; bytes: Buffer | null }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const send = () => {
    timer = undefined;
    const now = performance.now();
    to.cork();
    for (let first = queue[0]; first !== undefined && first.due <= now; first = queue[0]) {
      queue.shift();
      if (first.bytes === null) {
        to.end();
      } else {
        onTheLine -= first.bytes.length;
        to.write(first.bytes);
      }
    }
    to.uncork();
    wait();
  };
  const wait = () => {
    const first = queue[0];
    if (first !== undefined && timer === undefined) {
      timer = setTimeout(send, Math.max(0, first.due - performance.now()));
    }
  };
  const push = (bytes: Buffer | null) => {
    onTheLine += bytes?.length ?? 0;
    count(onTheLine);
    queue.push({ due: performance.now() + delayMs, bytes });
    wait();
  };
  from.on("data", push);
  from.on("end", () => {
    push(null);
  });
  from.on("error", () => to.destroy());
  from.on("close", () => {
    if (!from.readableEnded) {
      to.destroy();
    }
  });
}

const [host = "", port = ""] = target.split(":");
const proxy = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const server = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
  forward(client, server);
  forward(server, client, (onTheLine) => {
    most = Math.max(most, onTheLine);
  });
});
proxy.listen(0, "127.0.0.1", () => {
  console.log((proxy.address() as AddressInfo).port);
});
process.stdin.resume().on("end", () => {
  console.log(most);
  process.exit();
});

// npm web-push at its best: one keep-alive agent for all, many at once. The CA comes by NODE_EXTRA_CA_CERTS.
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , orderFile, installedIn] = process.argv;
const webpush = createRequire(join(installedIn, "package.json"))("web-push");
const order = JSON.parse(readFileSync(orderFile, "utf8"));
const agent = new Agent({ keepAlive: true, maxSockets: order.concurrency });
const options = {
  agent,
  TTL: order.ttl_s,
  contentEncoding: "aes128gcm",
  vapidDetails: { subject: order.subject, publicKey: order.public_key, privateKey: order.private_key },
};

async function send(pushes) {
  const left = pushes.values();
  const run = async () => {
    for (const push of left) await webpush.sendNotification(push.subscription, push.payload, options);
  };
  await Promise.all(Array.from({ length: order.concurrency }, run));
}

await send(order.pushes.slice(0, order.warm_up));
const wall = process.hrtime.bigint();
const cpu = process.cpuUsage();
await send(order.pushes.slice(order.warm_up));
const used = process.cpuUsage(cpu);
process.stdout.write(
  JSON.stringify({
    messages: order.pushes.length - order.warm_up,
    seconds: Number(process.hrtime.bigint() - wall) / 1e9,
    cpu_s: (used.user + used.system) / 1e6,
  }),
);
agent.destroy();

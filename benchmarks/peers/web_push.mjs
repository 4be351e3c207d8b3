// npm web-push at its best: one keep-alive agent for all, many at once. The CA comes by NODE_EXTRA_CA_CERTS.
import { Agent } from "node:https";
import { installed, measure } from "./order.mjs";

const webpush = installed("web-push");
let agent;

await measure((order) => {
  agent = new Agent({ keepAlive: true, maxSockets: order.concurrency });
  const { subject, public_key: publicKey, private_key: privateKey } = order.credential;
  const options = {
    agent,
    TTL: order.ttl_s,
    contentEncoding: "aes128gcm",
    vapidDetails: { subject, publicKey, privateKey },
  };
  return { send: (push) => webpush.sendNotification(push.address, push.payload, options) };
});
agent.destroy();

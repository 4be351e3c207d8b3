// @parse/node-apn at its best: one provider on one HTTP/2 session, many at once. The CA comes by NODE_EXTRA_CA_CERTS.
import { installed, measure } from "./order.mjs";

const apn = installed("@parse/node-apn");
let provider;

await measure((order) => {
  const { key, key_id: keyId, team_id: teamId, topic } = order.credential;
  const { hostname, port } = new URL(order.origin);
  provider = new apn.Provider({ token: { key: Buffer.from(key), keyId, teamId }, address: hostname, port });
  const expiry = Math.floor(Date.now() / 1000) + order.ttl_s;
  const ready = (push) => ({ ...push, payload: JSON.parse(push.payload) });
  const send = async (push) => {
    const notification = new apn.Notification();
    notification.topic = topic;
    notification.pushType = "alert";
    notification.priority = 5;
    notification.expiry = expiry;
    notification.collapseId = "steeple";
    notification.rawPayload = push.payload;
    const { failed } = await provider.send(notification, push.address.token);
    if (failed.length) throw failed[0].error ?? new Error(JSON.stringify(failed[0]));
  };
  return { ready, send };
});
provider.shutdown();

// What every contestant gets and gives, for those written for Node.js; see order.py.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , orderFile, installedIn] = process.argv;

/** A package of the folder that the benchmark installed into. */
export function installed(name) {
  return createRequire(join(installedIn, "package.json"))(name);
}

async function sendAll(send, pushes, concurrency) {
  const left = pushes.values();
  const run = async () => {
    for (const push of left) await send(push);
  };
  await Promise.all(Array.from({ length: concurrency }, run));
}

/**
 * Sends the order and prints the score. `prepare(order)` gives `send(push)` and, where a library wants something else
 * than text, `ready(push)`, which is called for each push before the clock runs.
 */
export async function measure(prepare) {
  const order = JSON.parse(readFileSync(orderFile, "utf8"));
  const { ready = (push) => push, send } = prepare(order);
  order.pushes = order.pushes.map(ready);
  await sendAll(send, order.pushes.slice(0, order.warm_up), order.concurrency);
  const wall = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  const timed = order.pushes.slice(order.warm_up);
  await sendAll(send, timed, order.concurrency);
  const used = process.cpuUsage(cpu);
  const seconds = Number(process.hrtime.bigint() - wall) / 1e9;
  process.stdout.write(JSON.stringify({ messages: timed.length, seconds, cpu_s: (used.user + used.system) / 1e6 }));
}

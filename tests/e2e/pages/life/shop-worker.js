// A shop's own worker, with ours in it by one import.
importScripts("@GATEWAY@/sdk/v1/worker.js");
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", event => event.waitUntil(clients.claim()));
self.addEventListener("fetch", event => {
  if (new URL(event.request.url).pathname === "/offline") event.respondWith(new Response("kept by the shop's worker"));
});

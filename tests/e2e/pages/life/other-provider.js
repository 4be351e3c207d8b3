// Another push provider's worker: it answers pushes, and knows nothing of us.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", event => event.waitUntil(self.registration.showNotification("From the other provider")));

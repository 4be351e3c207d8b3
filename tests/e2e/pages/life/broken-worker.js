// A worker of the shop that never gets anywhere.
self.addEventListener("install", () => { throw new Error("the shop's own mistake"); });
self.addEventListener("push", () => { throw new Error("another one"); });
throw new Error("and no end of them");

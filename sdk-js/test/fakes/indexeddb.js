// A fake of IndexedDB as far as src/store.js uses it: one object store in each database, transactions one after
// another.
// Values are cloned in and out, as the real one does, so a test notices sharing by accident. What a listener throws is
// nobody's to catch there: it aborts the transaction and goes to window.onerror, here as an uncaught exception.
const later = (work) => setTimeout(work, 0);
const event = () => ({ preventDefault() {} });

class FakeTransaction {
  constructor(table) {
    this.table = table;
    this.waiting = [];
    this.error = null;
    this.isAborted = false;
  }

  objectStore() {
    const { table } = this;
    return {
      transaction: this,
      get: (key) => this.request(() => structuredClone(table.get(key))),
      put: (value, key) => {
        const copy = structuredClone(value);
        return this.request(() => table.set(key, copy));
      },
      delete: (key) => this.request(() => table.delete(key)),
    };
  }

  abort() {
    this.isAborted = true;
    this.waiting = [];
  }

  request(work) {
    const request = {};
    this.waiting.push([request, work]);
    return request;
  }

  /** Runs when every earlier transaction has ended; requests made in onsuccess still belong to it. */
  run() {
    try {
      for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
        const [request, work] = next;
        request.result = work();
        if (request.onsuccess) request.onsuccess();
      }
    } catch (error) {
      this.abort();
      later(() => { throw error; });
    }
    if (this.isAborted) this.onabort(event());
    else this.oncomplete();
  }
}

export class FakeIndexedDB {
  constructor() {
    this.tables = new Map();
  }

  open(name) {
    const request = {};
    if (!this.tables.has(name)) this.tables.set(name, new Map());
    later(() => {
      request.result = { createObjectStore() {}, close() {}, transaction: () => this.transaction(this.tables.get(name)) };
      if (request.onupgradeneeded) request.onupgradeneeded();
      request.onsuccess();
    });
    return request;
  }

  transaction(table) {
    const made = new FakeTransaction(table);
    later(() => made.run());
    return made;
  }
}

/** Storage switched off by the visitor: opening fails, as Firefox does with blocked site data. */
export class DeniedIndexedDB {
  open() {
    const request = { error: new Error('denied') };
    later(() => request.onerror(event()));
    return request;
  }
}

/** Storage that throws at the first touch, as Chromium does in a sandboxed frame. */
export class ThrowingIndexedDB {
  open() {
    throw Object.assign(new Error('access denied'), { name: 'SecurityError' });
  }
}

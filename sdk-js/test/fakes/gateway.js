// A fake gateway behind `fetch`: the public routes the SDK calls, with the contract's answers. `down` plays a dead
// network, `refuse` a chosen answer for "METHOD /path".
export const KEY = 'BOrJ4p0y3cH3Q2dnvP0wVf0PzB0yUQ';
export const OTHER_KEY = 'BAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

const answer = (status, body) => ({ status, json: async () => { if (body === undefined) throw new Error('empty'); return body; } });

export class FakeGateway {
  constructor() {
    this.calls = [];
    this.devices = new Map();
    this.receipts = [];
    this.isDown = false;
    this.refuse = {};
    this.made = 0;
    this.config = {
      app: 'app_1',
      channels: { webpush: { vapid_public_key: KEY, vapid_key_id: 'key_1' } },
      link_hosts: ['shop.example'],
      topics: [{ slug: 'sale', name: 'Sale' }, { slug: 'news', name: 'News' }],
      receipts: ['shown', 'clicked', 'closed'],
      worker_version: '0.1.0',
      killed: false,
    };
  }

  fetch = async (address, { method, body, headers, credentials, cache }) => {
    const url = new URL(address);
    const sent = body === undefined ? undefined : JSON.parse(body);
    this.calls.push({ name: `${method} ${url.pathname}`, sent, headers, credentials, cache, url: url.href });
    if (this.isDown) throw new TypeError('Failed to fetch');
    const refused = this.refuse[`${method} ${url.pathname}`];
    if (refused) return answer(refused, { error: { code: 'refused_by_test', message: 'no' } });
    return this.route(method, url.pathname.split('/').slice(1), sent, headers);
  };

  route(method, [, noun, id, part], sent, headers) {
    if (noun === 'sdk') return answer(200, structuredClone(this.config));
    if (noun === 'events') return answer(202, { accepted: sent.events.length, duplicates: 0 });
    if (noun === 'receipts') { this.receipts.push(...sent.receipts); return answer(202, {}); }
    if (!id) return this.enrol(sent);
    const device = this.devices.get(id);
    if (!device) return answer(404, { error: { code: 'not_found', message: 'unknown' } });
    if (headers.Authorization !== `Bearer ${device.secret}`) return answer(401, { error: { code: 'unauthorized' } });
    if (part) { device.user = method === 'DELETE' ? null : sent.external_id; return answer(200, {}); }
    if (method === 'DELETE') { this.devices.delete(id); return answer(204); }
    Object.assign(device, sent);
    return answer(200, { id, topics: device.topics, state: device.state || 'active' });
  }

  enrol(sent) {
    if (sent.again && this.withdrawn) return answer(409, { error: { code: 'consent_withdrawn', message: 'left' } });
    const known = [...this.devices.values()].find((one) => one.endpoint === sent.endpoint);
    this.made += 1;
    const id = known ? known.id : `sub_${this.made}`;
    const device = { ...known, ...sent, id, secret: `stpl_ds_${this.made}`, topics: sent.topics || (known && known.topics) || [] };
    this.devices.set(id, device);
    return answer(known ? 200 : 201, { id, secret: device.secret, topics: device.topics });
  }

  names() { return this.calls.map((one) => one.name); }

  only() { return [...this.devices.values()][0]; }
}

/** How a call went. Calls never reject. `reason`: "offline", "busy", "refused", "not_registered", "internal". */
export interface DeviceResult {
  readonly ok: boolean;
  readonly reason: string | null;
  /** The gateway's error code and the field at fault, where it gave them. */
  readonly code: string | null;
  readonly param: string | null;
  readonly message: string | null;
  /** The device at the gateway, `sub_...`. */
  readonly id: string | null;
}

export interface KeptDevice {
  readonly id: string;
  readonly secret: string;
}

/** Where an app keeps its device between starts, best where other apps cannot read. */
export interface DeviceStore {
  get(): Promise<KeptDevice | null> | KeptDevice | null;
  set(device: KeptDevice | null): Promise<void> | void;
}

export type Address =
  | { channel: 'fcm'; token: string }
  | { channel: 'apns'; token: string; bundle_id: string; environment: 'production' | 'sandbox' };

export interface Wish {
  /** Slugs; the list replaces the one there was. */
  topics?: string[];
  tags?: Record<string, string | number | boolean | string[] | null>;
  language?: string;
  timezone?: string;
  consent?: { text: string };
}

export interface Device {
  register(registration: Address & Wish): Promise<DeviceResult>;
  setTopics(slugs: string[]): Promise<DeviceResult>;
  setTags(tags: NonNullable<Wish['tags']>): Promise<DeviceResult>;
  login(externalId: string, proof: { signature: string; expires: number }): Promise<DeviceResult>;
  logout(): Promise<DeviceResult>;
  report(kind: 'shown' | 'clicked' | 'closed', tokens: string[]): Promise<DeviceResult>;
  /** Told twice under one `id` it counts once. */
  track(id: string, name: string, properties?: Record<string, unknown>): Promise<DeviceResult>;
  leave(): Promise<DeviceResult>;
  id(): Promise<string | null>;
}

export interface DeviceOptions {
  gateway: string;
  /** A publishable key, `stpl_pk_...`. */
  key: string;
  store: DeviceStore;
  fetch?: typeof fetch;
}

export function createDevice(options: DeviceOptions): Device;

/** The receipt token in the data of a push; null without one. */
export function tokenOf(data: unknown): string | null;

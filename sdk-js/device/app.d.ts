import type { Address, Device, DeviceResult, Wish } from './index.js';

type Stop = () => unknown;

/** What a library tells of this phone. */
export interface Phone {
  isPermitted(): Promise<boolean>;
  ask(): Promise<boolean>;
  address(): Promise<Address>;
  onAddress(listener: (address: Address) => void): Stop | Promise<Stop>;
  /** Listeners get the data of the push. */
  onShown(listener: (data: unknown) => void): Stop | Promise<Stop>;
  onClicked(listener: (data: unknown) => void): Stop | Promise<Stop>;
}

export interface App {
  /** At each start: listens, and brings the gateway up to date if this device is registered. Asks nobody. */
  start(): Promise<DeviceResult>;
  /** From a tap: asks where it must, and registers. */
  subscribe(wish?: Wish): Promise<DeviceResult>;
  unsubscribe(): Promise<DeviceResult>;
  stop(): Promise<void>;
}

export function createApp(given: { device: Device; phone: Phone }): App;

// What a page may call, in types. docs/reference/sdk.md says what each call does.

/** What `state()` tells of this browser. */
export interface SteepleState {
  readonly supported: boolean;
  readonly permission: NotificationPermission;
  readonly subscribed: boolean;
  /** The subscription at the gateway, `sub_...`; null without one. */
  readonly id: string | null;
  readonly topics: readonly string[];
  /** Why push is off here; null where it is not. */
  readonly reason: string | null;
}

/** How a call went, and how it stands now. Calls never reject. */
export interface SteepleResult extends SteepleState {
  readonly ok: boolean;
  /** The gateway's error code, or null. */
  readonly code: string | null;
  /** The gateway's or the browser's own words, for a log. */
  readonly message: string | null;
}

/** What an "error" listener gets. */
export interface SteepleFault extends SteepleResult {
  readonly call: string;
}

/** What the shop's server signs; see docs/how-to. `expires` in seconds since 1970. */
export interface LoginProof {
  signature: string;
  expires: number;
}

export interface TopicOffer {
  readonly slug: string;
  readonly name: string;
  readonly subscribed: boolean;
}

export interface SubscribeWish {
  /** Slugs; without it the topics stay as they were. */
  topics?: string[];
  /** The words the person agreed to, kept as proof of consent. */
  consentText?: string;
}

export type TagValue = string | number | boolean | string[] | null;

export interface EventItem {
  item_id?: string;
  item_name?: string;
  price?: number;
  quantity?: number;
  [other: string]: unknown;
}

/** Money and items in the schema that shops' tags speak (Google Analytics 4), and anything else that is JSON. */
export interface EventProperties {
  /** ISO 4217, such as EUR. */
  currency?: string;
  value?: number;
  items?: EventItem[];
  /** Of a `purchase`: it counts once, whoever tells it and however often. */
  transaction_id?: string;
  [other: string]: unknown;
}

/** What `track()` was called with. */
export interface TrackedEvent {
  readonly name: string;
  readonly properties?: unknown;
}

export interface InboxAction {
  readonly id: string;
  readonly title: string;
  /** On a host that links may lead to; "" without one. */
  readonly url: string;
}

/** A message that this person was sent, or would have been had they not refused push. All texts are plain. */
export interface InboxMessage {
  readonly id: string;
  readonly title: string;
  readonly body: string;
  readonly url: string;
  readonly icon: string;
  readonly image: string;
  readonly actions: readonly InboxAction[];
  readonly data: Readonly<Record<string, unknown>>;
  readonly category: string;
  readonly at: string;
  readonly until: string | null;
  readonly read: boolean;
  readonly banner: boolean;
}

export interface InboxNews {
  readonly unread: number;
  readonly items: readonly InboxMessage[];
}

export interface InboxCount extends SteepleResult {
  /** Absent where the call failed. */
  readonly unread?: number;
}

export interface InboxPage extends SteepleResult {
  /** Newest first; absent where the call failed. */
  readonly items?: readonly InboxMessage[];
  /** On the first page only. */
  readonly unread?: number | null;
  /** For `after` of the next call; null on the last page. */
  readonly next?: string | null;
}

export interface SteepleEvents {
  ready: SteepleResult;
  subscribed: SteepleResult;
  unsubscribed: SteepleResult;
  changed: SteepleResult;
  denied: SteepleResult;
  tracked: TrackedEvent;
  inbox: InboxNews;
  error: SteepleFault;
}

export interface Steeple {
  readonly version: string;
  /** Call it first thing in a click: Safari asks only then. */
  subscribe(wish?: SubscribeWish): Promise<SteepleResult>;
  unsubscribe(): Promise<SteepleResult>;
  state(): Promise<SteepleState>;
  login(externalId: string, proof: LoginProof): Promise<SteepleResult>;
  logout(): Promise<SteepleResult>;
  readonly topics: {
    add(...slugs: string[]): Promise<SteepleResult>;
    remove(...slugs: string[]): Promise<SteepleResult>;
    list(): Promise<TopicOffer[]>;
  };
  readonly tags: {
    /** null takes a tag off. */
    set(tags: Record<string, TagValue>): Promise<SteepleResult>;
  };
  /** What was done here: kept at once, sent when the browser is subscribed, counted once. Names and items as in GA4. */
  track(name: string, properties?: EventProperties): Promise<SteepleResult>;
  readonly prompt: {
    /** Shows an active prompt of the app by its slug, else the first slide-down. */
    show(slug?: string): Promise<SteepleResult>;
  };
  readonly preferences: {
    /** Opens the dialog in which visitors choose what they are sent, and leave. */
    show(): Promise<SteepleResult>;
  };
  readonly consent: {
    give(): Promise<SteepleResult>;
    withdraw(): Promise<SteepleResult>;
  };
  /** What this person was sent, also where push was refused; a file of its own, loaded by the first of these calls. */
  readonly inbox: {
    list(page?: { limit?: number; after?: string }): Promise<InboxPage>;
    unread(): Promise<InboxCount>;
    /** Marks messages as read; all of them without an id. */
    read(...ids: Array<string | readonly string[]>): Promise<SteepleResult>;
    /** Opens the panel. */
    show(): Promise<SteepleResult>;
  };
  /** Answers a function that stops listening. */
  on<Name extends keyof SteepleEvents>(event: Name, listener: (detail: SteepleEvents[Name]) => void): () => void;
  /** Runs each function with Steeple, at once. */
  push(...entries: Array<(steeple: Steeple) => void>): void;
}

/** What the script tag takes as data- attributes. */
export interface SteepleOptions {
  /** The gateway's address, such as `https://push.shop.example`. */
  gateway: string;
  /** The app's id, `app_...`. */
  app: string;
  /** The worker file on the shop's origin; `/steeple/worker.js` without it. */
  worker?: string;
  scope?: string;
  language?: string;
  consent?: 'required';
  receipts?: 'off';
  /** How prompts look on this page. */
  promptScheme?: 'light' | 'dark' | 'auto';
  promptPosition?: 'top' | 'bottom' | 'middle' | 'bottom-left' | 'bottom-right' | 'top-left' | 'top-right';
  promptAccent?: string;
  promptAccentText?: string;
  promptBackground?: string;
  promptText?: string;
  /** The worker file of another provider, whose visitors are to come over; `migrateEnd` ends it as they do. */
  migrate?: string;
  migrateEnd?: '';
  /** The page hears of news in the inbox, and shows banners. */
  inbox?: 'on';
  inboxScheme?: 'light' | 'dark' | 'auto';
  /** The nonce of the page's Content-Security-Policy, for files loaded later. */
  nonce?: string;
}

export const VERSION: string;

/** Starts Steeple in this page, once; on a server the calls answer "unsupported". */
export function startSteeple(options: SteepleOptions): Steeple;

declare global {
  interface Window {
    Steeple?: Steeple | Array<(steeple: Steeple) => void>;
  }
}

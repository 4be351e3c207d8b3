// OneSignal's global as a page sees it, version 16 (and the few calls of 15 that are the same by another name), each
// mapped to the call of Steeple that does it. Nothing throws into the page, nothing is rejected.
import { permission, unsupported } from '../subscription.js';
import { forgiving } from './harmless.js';
import { listenable } from './watch.js';

const QUIET = ['dismiss', 'willDisplay', 'permissionPromptDisplay'];
const NO_MAIL = 'Steeple sends pushes only.';

/** Steeple's proof of a login, where OneSignal has a token: `{signature, expires}`, or the text "expires.signature". */
export function proofOf(token) {
  if (typeof token !== 'string') return token || {};
  const [expires, signature] = token.split('.');
  return { expires: Number(expires), signature };
}

const namesOf = (list) => Object.fromEntries([].concat(list).map((name) => [name, null]));

/**
 * @param {object} deps host; events, note; init(options): starts Steeple; call(work): `work(steeple)` now, in the
 *   caller's turn, or as soon as it was started; tags, picture: see tags.js and watch.js; who(): the person's id, as
 *   learnPerson() last found it; wanted(name): a page listens to this event of Notifications
 */
export function createOneSignal({ host, events, note, init, call, tags, picture, who, learnPerson, consent, wanted }) {
  const isSubscribed = () => picture().optedIn;
  const setTags = (change) => call(() => tags.change(change, isSubscribed));
  const ask = () => call((steeple) => steeple.subscribe());
  const prompt = () => call((steeple) => steeple.prompt.show());
  const unmapped = (path, why) => () => Promise.resolve(note(path, why));
  const named = (path, known) => forgiving(known, `${path}.`, note);
  const heard = (prefix, never, wanted) => listenable(events, prefix, { never, note, wanted });

  const Notifications = named('Notifications', {
    get permission() { return permission(host) === 'granted'; },
    get permissionNative() { return permission(host); },
    isPushSupported: () => !unsupported(host),
    requestPermission: () => ask().then(() => permission(host) === 'granted'),
    setDefaultUrl: unmapped('Notifications.setDefaultUrl', 'a message names its own link.'),
    setDefaultTitle: unmapped('Notifications.setDefaultTitle', 'a message names its own title.'),
    ...heard('Notifications', QUIET, wanted),
  });

  const PushSubscription = named('User.PushSubscription', {
    get id() { return picture().id; },
    get token() { return picture().token; },
    get optedIn() { return isSubscribed(); },
    optIn: () => ask().then(() => {}),
    optOut: () => call((steeple) => steeple.unsubscribe()).then(() => {}),
    ...heard('PushSubscription'),
  });

  const User = named('User', {
    PushSubscription,
    get externalId() { return who(); },
    get onesignalId() { return picture().id; },
    addTag: (name, value) => setTags({ [name]: value }),
    addTags: (given) => setTags({ ...given }),
    removeTag: (name) => setTags(namesOf(name)),
    removeTags: (names) => setTags(namesOf(names)),
    getTags: () => call(() => tags.list()),
    setLanguage: unmapped('User.setLanguage', 'give the script tag data-language.'),
    trackEvent: (name, properties) => call((steeple) => steeple.track(name, properties)),
    addAlias: unmapped('User.addAlias', 'the shop\'s server names people: POST /v1/users/{id}/aliases.'),
    addAliases: unmapped('User.addAliases', 'the shop\'s server names people: POST /v1/users/{id}/aliases.'),
    addEmail: unmapped('User.addEmail', NO_MAIL),
    addSms: unmapped('User.addSms', NO_MAIL),
    ...heard('User'),
  });

  const Slidedown = named('Slidedown', {
    promptPush: prompt,
    promptPushCategories: prompt,
    promptEmail: unmapped('Slidedown.promptEmail', NO_MAIL),
    promptSms: unmapped('Slidedown.promptSms', NO_MAIL),
    promptSmsAndEmail: unmapped('Slidedown.promptSmsAndEmail', NO_MAIL),
    ...heard('Slidedown', ['slidedownShown', 'slidedownClosed', 'slidedownQueued', 'slidedownAllowClick', 'slidedownCancelClick']),
  });

  const known = {
    Notifications,
    User,
    Slidedown,
    init,
    login: (externalId, token) => call((steeple) => steeple.login(externalId, proofOf(token))).then(learnPerson),
    logout: () => call((steeple) => steeple.logout()).then(learnPerson),
    setConsentRequired: (isRequired) => consent.require(isRequired !== false),
    setConsentGiven: (isGiven) => consent.say(isGiven !== false),
    Debug: named('Debug', { setLogLevel: () => {} }),
    Session: named('Session', {}),
    // Version 15.
    isPushNotificationsSupported: () => !unsupported(host),
    isPushNotificationsEnabled: () => call(isSubscribed),
    getUserId: () => call(() => picture().id),
    getExternalUserId: () => call(who),
    registerForPushNotifications: () => ask(),
    showNativePrompt: () => ask(),
    showSlidedownPrompt: prompt,
    showCategorySlidedown: prompt,
    setSubscription: (isOn) => (isOn ? ask() : PushSubscription.optOut()),
    sendTag: User.addTag,
    sendTags: User.addTags,
    deleteTag: User.removeTag,
    deleteTags: User.removeTags,
    getTags: User.getTags,
    setExternalUserId: (externalId, token) => known.login(externalId, token),
    removeExternalUserId: () => known.logout(),
    provideUserConsent: (isGiven) => consent.say(isGiven !== false),
  };
  return forgiving(known, '', note);
}

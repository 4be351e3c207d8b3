// The script tag's data- attributes, read once.

const SELECTOR = 'script[data-app][src*="steeple"]';

/** Where the gateway is: what stands before /sdk/ in the script's own address, so a proxied folder works too. */
function gatewayOf(source) {
  const url = new URL(source);
  const folder = url.pathname.indexOf('/sdk/');
  return url.origin + (folder > 0 ? url.pathname.slice(0, folder) : '');
}

/** What the tag wants done about another push provider, as it is kept once it was done; a changed wish is a new one. */
export const takeoverWish = ({ migrate, migrateEnd }) => migrate && `${migrate} ${migrateEnd}`;

/** The tag that loaded us. A module bundle has no currentScript, so the page is searched as well. */
export const ownTag = (document) => document.currentScript || document.querySelector(SELECTOR);

/**
 * @param {HTMLScriptElement} tag
 * @param {Location} location of the page
 * @returns {{app, gateway, worker, scope, language, needsConsent, sendsReceipts, data, nonce}} worker and scope are absolute addresses
 */
export function readOptions(tag, location) {
  const { app = '', gateway, worker: file, scope, language, consent, receipts } = tag.dataset;
  const worker = new URL(file || '/steeple/worker.js', location.href);
  return {
    app,
    gateway: gateway ? gateway.replace(/\/+$/, '') : gatewayOf(tag.src),
    worker: worker.href,
    scope: (scope ? new URL(scope, location.href) : new URL('./', worker)).href,
    language,
    needsConsent: consent === 'required',
    sendsReceipts: receipts !== 'off',
    data: tag.dataset, // what rooms read their own attributes from
    nonce: tag.nonce || '', // the attribute itself is hidden from scripts by the page's policy
  };
}

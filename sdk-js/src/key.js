// VAPID public keys: base64url text on the wire, bytes at the PushManager (Push API, PushSubscriptionOptionsInit).

/** Bytes of a base64url text; throws on anything that is not base64url. */
export function keyBytes(text) {
  const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** base64url text, without padding, of the bytes the browser reports; null when it reports none. */
export function keyText(buffer) {
  if (!buffer) return null;
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

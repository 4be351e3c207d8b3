// Under `require-trusted-types-for 'script'` a script's address is refused as plain text.

let policy = null;

/** The address as such a page takes it; the policy's name is in docs/reference/sdk.md. */
export function trustedAddress(host, address) {
  if (!host.trustedTypes) return address;
  try {
    policy = policy || host.trustedTypes.createPolicy('steeple', { createScriptURL: (url) => url });
    return policy.createScriptURL(address);
  } catch (e) {
    return address; // the policy is not on the page's list: the plain text is right unless types are enforced
  }
}

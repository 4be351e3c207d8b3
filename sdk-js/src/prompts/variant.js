// Which variant of a prompt a visitor gets: by weight, and the same one at every visit.

/** FNV-1a of 32 bits (isthe.com/chongo/tech/comp/fnv), its bits mixed once more so that near texts end far apart. */
function hash(text) {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  sum = Math.imul(sum ^ (sum >>> 16), 0x45d9f3b);
  return (sum ^ (sum >>> 16)) >>> 0;
}

/** One of `variants`, each `{name, weight}`; never one of weight 0 while another has some. */
export function drawVariant(seed, slug, variants) {
  const total = variants.reduce((sum, { weight }) => sum + weight, 0);
  let ticket = total ? hash(`${seed}/${slug}`) % total : 0;
  return variants.find(({ weight }) => {
    ticket -= weight;
    return ticket < 0;
  }) || variants[0];
}

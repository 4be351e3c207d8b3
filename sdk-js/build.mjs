// Bundles src/ into the committed files of dist/: `node build.mjs`.
// `node build.mjs --check` writes nothing and fails when dist/ is stale or over its gzip budget.
// `--out DIR` writes somewhere else, so that a test can compare byte by byte.
// `--release` also keeps what was built under dist/releases/<version>/, once: pages that name that version by
// `integrity` go on getting these very bytes after every later upgrade.
import { createHash } from 'node:crypto';
import { copyFile, readFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import process from 'node:process';
import { build, transform } from 'esbuild';

const root = path.dirname(fileURLToPath(import.meta.url));
const meta = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
// Rooms come first, then the register that carries their hashes, then the page script that carries the register's.
const ROOMS = {
  'cards.js': 'cards/room.js',
  'events.js': 'events/room.js',
  'inbox.js': 'inbox/room.js',
  'inbox-view.js': 'inbox/view/room.js',
  'preferences.js': 'preferences/room.js',
  'prompts.js': 'prompts/room.js',
  'takeover.js': 'takeover/room.js',
};
const WORDS = 'src/prompts/words';
const REGISTER = 'more.js';
const entries = {
  ...ROOMS,
  [REGISTER]: 'more/room.js',
  'steeple.js': 'loader.js',
  'steeple.mjs': 'module.js',
  'worker.js': 'worker.js',
  'onesignal.js': 'onesignal/page.js',
  'onesignal-worker.js': 'onesignal/worker.js',
};
const hashes = {}; // of rooms
const register = { hash: null };
// Names that never leave our files: not of the API, not stored, not sent. Built, they are a letter or two. A name that
// also stands in what is sent is quoted there; what the preview page brings (gateway/api/static/preview.js) is none.
const INTERNAL = [
  'addTopics', 'age_ms_max', 'answer', 'core', 'emit', 'failed_at_ms', 'fields', 'found', 'gatewayDevice', 'here',
  'isKept', 'isSupported', 'learn', 'look', 'needsConsent', 'now_ms', 'prepare', 'reconcile', 'registered', 'registerHash', 'removeTopics',
  'sendsReceipts', 'setTags', 'settleIdentity', 'subscribeBrowser', 'subscription', 'verdict', 'why',
  // Reasons of decide.js, where they are marked with @__KEY__.
  'allowed_again', 'backing_off', 'endpoint_changed', 'in_step', 'key_changed', 'locale_changed', 'never_subscribed',
  'no_permission', 'not_enrolled', 'permission_lost', 'still_here', 'subscription_lost',
];
const mangled = {}; // one list for all files: a room must find what the page script named

/** A style sheet comes into a bundle as text, made small: shadow roots adopt it, which every policy allows. */
const styles = {
  name: 'styles',
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path: file }) => {
      const { code } = await transform(await readFile(file, 'utf8'), { loader: 'css', minify: true });
      return { contents: code.trim(), loader: 'text' };
    });
  },
};

async function bundle(name, entry) {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [`src/${entry}`],
    bundle: true,
    minify: true,
    format: name.endsWith('.mjs') ? 'esm' : 'iife',
    target: 'es2019',
    charset: 'ascii', // a shop may serve its pages in any encoding
    legalComments: 'none',
    plugins: [styles],
    define: { __ROOMS__: JSON.stringify(hashes), __REGISTER__: JSON.stringify(register.hash) },
    mangleProps: new RegExp(`^(${INTERNAL.join('|')})$`),
    mangleCache: mangled,
    banner: { js: `/*! Steeple ${meta.version} | MIT */` },
    write: false,
  });
  Object.assign(mangled, result.mangleCache);
  return Buffer.from(result.outputFiles[0].contents);
}

const integrity = (bytes) => `sha256-${createHash('sha256').update(bytes).digest('base64')}`;

function sizeLine(name, bytes) {
  const zipped = gzipSync(bytes, { level: 9 }).length;
  const budget = meta.gzipBudgetBytes[name];
  if (zipped > budget) process.exitCode = 1;
  return `${name}: ${bytes.length} bytes, ${zipped} of ${budget} gzip${zipped > budget ? ' OVER BUDGET' : ''}`;
}

const check = process.argv.includes('--check');
const outFlag = process.argv.indexOf('--out');
const out = outFlag > 0 ? path.resolve(process.argv[outFlag + 1]) : path.join(root, 'dist');
if (!check) await mkdir(out, { recursive: true });

/** Writes a file, or says that the one there is not what the sources make. */
async function put(name, bytes) {
  const target = path.join(out, name);
  if (!check) return writeFile(target, bytes);
  if (bytes.equals(await readFile(target).catch(() => Buffer.alloc(0)))) return undefined;
  process.exitCode = 1;
  return console.error(`${name} is stale: run npm run build`);
}

for (const [name, entry] of Object.entries(entries)) {
  const bytes = await bundle(name, entry);
  if (name in ROOMS) hashes[path.parse(name).name] = integrity(bytes);
  if (name === REGISTER) register.hash = integrity(bytes);
  await put(name, bytes);
  console.log(sizeLine(name, bytes));
}

// What prompts say, a file for each language; the page fetches the one it speaks.
const languages = await readdir(path.join(root, WORDS));
for (const file of languages) {
  const words = JSON.parse(await readFile(path.join(root, WORDS, file), 'utf8'));
  await put(`words-${file}`, Buffer.from(`${JSON.stringify({ by: `Steeple ${meta.version}`, ...words })}\n`));
}

/** Pages fetch only scripts and words by version; the module goes into a shop's own bundle. */
async function keepRelease() {
  const folder = path.join(out, 'releases', meta.version);
  const kept = await readdir(folder).catch(() => []);
  if (kept.length) throw new Error(`${meta.version} was released already: give the next version in package.json first`);
  await mkdir(folder, { recursive: true });
  const fetched = [...Object.keys(entries).filter((name) => name.endsWith('.js')), ...languages.map((file) => `words-${file}`)];
  await Promise.all(fetched.map((name) => copyFile(path.join(out, name), path.join(folder, name))));
  console.log(`kept ${fetched.length} files in ${path.relative(root, folder)}`);
}

if (process.argv.includes('--release')) await keepRelease();

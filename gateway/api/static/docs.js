// Draws the reference from /openapi.json. Text goes in as text: nothing of the document is ever read as HTML.
'use strict';

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
};

/** Text in which `words` between backquotes are code. */
const prose = (text) => String(text).split('`').map((part, at) => (at % 2 ? make('code', {}, part) : part));

const resolve = (spec, schema) => {
  if (!schema || !schema.$ref) return schema || {};
  return spec.components.schemas[schema.$ref.split('/').pop()] || {};
};

function typeOf(spec, schema) {
  if (!schema) return 'anything';
  if (schema.$ref) return typeOf(spec, resolve(spec, schema));
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf) return schema.anyOf.map((one) => typeOf(spec, one)).join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(spec, schema.items)}`;
  if (schema.format === 'date-time') return 'time';
  const names = { string: 'text', integer: 'whole number', boolean: 'true or false', null: 'null' };
  return names[schema.type] || schema.type || 'anything';
}

function bounds(schema) {
  const found = [
    ['minLength', 'at least %s characters'], ['maxLength', 'at most %s characters'], ['minItems', 'at least %s'],
    ['maxItems', 'at most %s'], ['minimum', 'from %s'], ['maximum', 'to %s'],
  ].filter(([name]) => name in schema).map(([name, words]) => words.replace('%s', Number(schema[name]).toLocaleString('en')));
  if ('default' in schema && schema.default !== null && JSON.stringify(schema.default).length > 2) {
    found.push(`default ${JSON.stringify(schema.default)}`);
  }
  return found.join(', ');
}

/** The struct behind a schema, through lists and alternatives; null for plain values. */
function inner(spec, schema) {
  const found = resolve(spec, schema);
  if (found.properties) return found;
  if (found.type === 'array' && found.items) return inner(spec, found.items);
  return (found.anyOf || []).map((one) => inner(spec, one)).find(Boolean) || null;
}

function field(spec, name, schema, isNeeded, depth) {
  const own = { ...resolve(spec, schema), ...schema };
  const limits = bounds({ ...(own.anyOf || []).reduce((all, one) => ({ ...all, ...one }), {}), ...own });
  const nested = depth < 4 ? inner(spec, schema) : null;
  const described = schema.description || (own.anyOf || []).map((one) => one.description).find(Boolean) || (nested && nested.description);
  return make('div', {},
    make('dt', {}, name, isNeeded ? make('em', { title: 'needed' }, ' *') : null),
    make('dd', {},
      make('span', { class: 'type' }, [typeOf(spec, schema), limits].filter(Boolean).join('; ')),
      described ? make('p', {}, ...prose(described)) : null,
      nested ? make('details', {}, make('summary', {}, `Fields of ${name}`), fields(spec, nested, depth + 1)) : null));
}

function fields(spec, schema, depth = 0) {
  const needed = new Set(schema.required || []);
  return make('dl', {}, ...Object.entries(schema.properties || {}).map(
    ([name, one]) => field(spec, name, one, needed.has(name), depth)));
}

const section = (title, content) => (content ? [make('h4', {}, title), content] : []);

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function curlLine(spec, path, method, operation) {
  const lines = [`curl ${quoted(spec.servers[0].url + path)}`];
  if (method !== 'get') lines[0] = `curl -X ${method.toUpperCase()} ${quoted(spec.servers[0].url + path)}`;
  if ((operation.security || []).some((one) => one.key)) lines.push('-H "Authorization: Bearer $STEEPLE_KEY"');
  const content = (operation.requestBody || { content: {} }).content;
  if (content['application/x-ndjson']) lines.push('--data-binary @subscriptions.ndjson');
  const body = content['application/json'];
  if (body) lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body.example || {}, null, 2))}`);
  return lines.join(' \\\n  ');
}

function curl(text) {
  const button = make('button', { type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch (error) {
      button.textContent = 'Select and copy';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
  return make('div', { class: 'curl' }, make('pre', { tabindex: '0' }, make('code', {}, text)), button);
}

function bodyOf(spec, content) {
  const schema = content && content['application/json'] && content['application/json'].schema;
  const found = schema && inner(spec, schema);
  if (!found) return null;
  const box = make('div');
  if (found.description) box.append(make('p', { class: 'note' }, ...prose(found.description)));
  box.append(fields(spec, found));
  return box;
}

function parametersOf(spec, operation) {
  if (!operation.parameters.length) return null;
  return make('dl', {}, ...operation.parameters.map((one) => field(
    spec, `${one.name} (${one.in})`, { ...one.schema, description: one.description }, one.required, 9)));
}

function call(spec, path, method, operation) {
  const [status, done] = Object.entries(operation.responses)[0];
  return make('article', { id: operation.operationId, 'data-words': JSON.stringify([path, method, operation]).toLowerCase() },
    make('h3', {}, make('a', { href: `#${operation.operationId}` }, operation.summary)),
    make('p', { class: 'call' }, make('span', { class: `method ${method}` }, method.toUpperCase()), path),
    operation.description ? make('p', { class: 'note' }, ...prose(operation.description)) : null,
    ...section('Parameters', parametersOf(spec, operation)),
    ...section('Body', operation.requestBody ? bodyOf(spec, operation.requestBody.content) : null),
    ...section(`Answer ${status}`, bodyOf(spec, done.content)),
    ...section('Try it', curl(curlLine(spec, path, method, operation))));
}

function operationsOf(spec) {
  return Object.entries(spec.paths).flatMap(([path, methods]) => Object.entries(methods).map(
    ([method, operation]) => ({ path, method, operation })));
}

function codes(spec) {
  return make('dl', { class: 'codes' }, ...Object.entries(spec['x-error-codes']).map(([code, words]) => make(
    'div', { id: `errors-${code}`, 'data-words': `${code} ${words}`.toLowerCase() },
    make('dt', {}, code), make('dd', {}, words))));
}

function draw(spec) {
  const main = document.getElementById('main');
  const index = document.getElementById('index');
  document.getElementById('version').textContent = spec.info.version;
  const all = operationsOf(spec);
  main.replaceChildren(make('h1', {}, 'HTTP reference'), make('p', { class: 'lead' }, ...prose(spec.info.description)));
  for (const { name } of spec.tags) {
    const own = all.filter(({ operation }) => operation.tags[0] === name);
    main.append(make('h2', { id: `group-${name}` }, name), ...own.map(({ path, method, operation }) => call(spec, path, method, operation)));
    index.append(make('h2', {}, name), make('ul', {}, ...own.map(({ operation }) => make(
      'li', {}, make('a', { href: `#${operation.operationId}` }, operation.summary)))));
  }
  main.append(make('h2', { id: 'errors' }, 'Errors'), make('p', { class: 'lead' }, ...prose(
    'Every refusal has the shape `{"error": {"type", "code", "message", "param", "doc_url", "request_id"}}`. Branch on `code`; show or log `message`.')), codes(spec));
  index.append(make('h2', {}, 'Errors'), make('ul', {}, make('li', {}, make('a', { href: '#errors' }, 'All codes'))));
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

function watchSearch() {
  const input = document.getElementById('search');
  input.addEventListener('input', () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const element of document.querySelectorAll('[data-words]')) {
      element.hidden = !words.every((word) => element.dataset.words.includes(word));
    }
  });
}

/** The list of calls stands open beside the text, and is folded where it would stand above it. */
function foldIndex() {
  const wide = window.matchMedia('(min-width: 52.01rem)');
  const box = document.getElementById('box');
  const fold = () => { box.open = wide.matches; };
  wide.addEventListener('change', fold);
  fold();
}

async function start() {
  foldIndex();
  watchSearch();
  try {
    const answer = await fetch('/openapi.json', { credentials: 'omit' });
    if (!answer.ok) throw new Error(`the gateway answered ${answer.status}`);
    draw(await answer.json());
  } catch (error) {
    document.getElementById('state').textContent = `The reference could not be read: ${error.message}.`;
  }
}

start();

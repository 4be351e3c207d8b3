// Elements, made without markup: texts of shops and of the gateway go in as text and nothing else.

/** `make(tag, attributes, ...children)`. An attribute of true stands bare, of false, null or undefined not at all; `on...` listens. */
export const maker = (document) => (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  Object.entries(attributes || {}).forEach(([name, value]) => {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? '' : value);
  });
  element.append(...children.filter((one) => one !== null && one !== false && one !== undefined));
  return element;
};

// What old and careless scripts do to a page before ours comes.
Array.prototype.remove = function remove() {};
Array.prototype.contains = 7;
Object.prototype.extra = "x";
String.prototype.trim = () => "trimmed";
window.jQuery.ajaxSetup({ beforeSend: () => false });
window.Promise = class Wrapped extends Promise {};
window.eval = () => { throw new Error("no eval"); };
for (const one of [Object, Array, Function, Map, Set, URL, Promise]) {
  Object.freeze(one.prototype);
  Object.freeze(one);
}
navigator.serviceWorker.register("/BrokenWorker.js", {scope: "/"}).catch(() => {});
addEventListener("load", () => { jQuery("body").addClass("works"); });

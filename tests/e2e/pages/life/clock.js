// A computer whose clock is more than a year behind.
(() => {
  const [Real, shift_ms] = [Date, 400 * 24 * 3600e3];
  window.Date = class Late extends Real {
    constructor(...given) { if (given.length) super(...given); else super(Real.now() - shift_ms); }
    static now() { return Real.now() - shift_ms; }
  };
})();

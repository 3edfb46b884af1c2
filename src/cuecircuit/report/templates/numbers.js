// What the brain computes and prints: p of a statistic from its degrees of freedom, and numbers as the page writes them.
"use strict";
window.cuecircuitNumbers = (() => {
  // ln Γ by Lanczos's series (Press et al., Numerical Recipes, 6.1), to 2e-10
  function lnGamma(x) {
    const c = [76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.1208650973866179e-2, -0.5395239384953e-5];
    const sum = c.reduce((total, value, n) => total + value / (x + 1 + n), 1.000000000190015);
    return (x + 0.5) * Math.log(x + 5.5) - (x + 5.5) + Math.log((2.5066282746310005 * sum) / x);
  }

  // continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method
  function fraction(x, a, b) {
    let [c, d] = [1, 1 / (1 - ((a + b) * x) / (a + 1))];
    let value = d;
    for (let m = 1; m < 300; m++) {
      const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
      const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
      let step = 1;
      for (const term of [even, odd]) {
        d = 1 / (1 + term * d);
        c = 1 + term / c;
        step = c * d;
        value *= step;
      }
      if (Math.abs(step - 1) < 1e-12) break;
    }
    return value;
  }

  // -log10 of the p of F, which stays finite where p underflows
  function minusLogP(f, df1, df2) {
    if (!(f > 0)) return 0;
    const [a, b, x] = [df2 / 2, df1 / 2, df2 / (df2 + df1 * f)];
    const front = lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
    if (x < (a + 1) / (a + b + 2)) return -(front + Math.log(fraction(x, a, b) / a)) / Math.LN10;
    return -Math.log10(1 - (Math.exp(front) * fraction(1 - x, b, a)) / b);
  }

  const fixed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");
  const short = (value) => Number(value.toPrecision(3)).toString().replace("-", "\u2212");
  const p = (value) => (value < 0.001 ? "< .001" : value > 0.999 ? "> .999" : `= ${value.toFixed(3).slice(1)}`);
  return { minusLogP, fixed, short, p };
})();

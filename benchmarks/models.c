/* A Gaussian mixture and a network by hand; how the functions are called stands in loops.c. */

#include <math.h>
#include <string.h>

/* ---- ADBench's mixture: per point the whitened differences of all clusters are kept, no more */

static double log_wishart_constant(long d, double gamma, long m) {
    double n = (double)(d + m + 1);
    double c = n * d * (log(gamma) - 0.5 * log(2.0)) - 0.25 * d * (d - 1) * log(M_PI);
    for (long j = 1; j <= d; j++) c -= lgamma(0.5 * n + 0.5 * (1 - j));
    return c;
}

static double log_sum_exp(const double *v, long k, double *weights) {
    double most = v[0], total = 0.0;
    for (long c = 1; c < k; c++) most = fmax(most, v[c]);
    for (long c = 0; c < k; c++) total += weights[c] = exp(v[c] - most);
    for (long c = 0; c < k; c++) weights[c] /= total;
    return most + log(total);
}

/* z = Q (x - mu), off = x - mu; returns half its square */
static inline double whiten(const double *restrict x, const double *restrict mu,
                            const double *restrict diagonal, const double *restrict lower, long d,
                            double *restrict off, double *restrict z) {
    double square = 0.0;
    for (long a = 0; a < d; a++) off[a] = x[a] - mu[a], z[a] = diagonal[a] * off[a];
    for (long a = 0; a < d; a++)
        for (long b = a + 1; b < d; b++) z[b] += *lower++ * off[a];
    for (long a = 0; a < d; a++) square += z[a] * z[a];
    return 0.5 * square;
}

static double mixture(const double *restrict alphas, long k, const double *restrict means, long d,
                      const double *restrict factors, long f, const double *restrict x, long n,
                      double gamma, long m, double *restrict ga, double *restrict gm,
                      double *restrict gf) {
    double diagonal[k * d], logs[k], main[k], w[k], off[k * d], z[k * d], total = 0.0;
    for (long c = 0; c < k; c++) {
        logs[c] = 0.0;
        for (long a = 0; a < d; a++) {
            logs[c] += factors[c * f + a];
            diagonal[c * d + a] = exp(factors[c * f + a]);
        }
    }
    for (long i = 0; i < n; i++) {
        for (long c = 0; c < k; c++)
            main[c] = alphas[c] + logs[c] -
                      whiten(x + i * d, means + c * d, diagonal + c * d, factors + c * f + d, d,
                             off + c * d, z + c * d);
        total += log_sum_exp(main, k, w);
        if (!ga) continue;
        for (long c = 0; c < k; c++) {
            const double *restrict zc = z + c * d, *restrict oc = off + c * d;
            const double *restrict lower = factors + c * f + d;
            double *restrict gl = gf + c * f + d, *restrict gd = gf + c * f;
            ga[c] += w[c];
            for (long a = 0; a < d; a++) {
                double ct = w[c] * zc[a], by = diagonal[c * d + a] * ct; /* minus those of z */
                gd[a] += w[c] - by * oc[a];
                for (long b = a + 1; b < d; b++) {
                    *gl++ -= w[c] * zc[b] * oc[a];
                    by += *lower++ * w[c] * zc[b];
                }
                gm[c * d + a] += by;
            }
        }
    }
    total -= n * log_sum_exp(alphas, k, w) + n * d * 0.5 * log(2.0 * M_PI);
    total -= k * log_wishart_constant(d, gamma, m);
    for (long c = 0; c < k; c++) {
        if (ga) ga[c] -= n * w[c];
        for (long a = 0; a < d; a++) {
            double square = gamma * gamma * diagonal[c * d + a] * diagonal[c * d + a];
            total += 0.5 * square - m * factors[c * f + a];
            if (ga) gf[c * f + a] += square - m;
        }
        for (long a = d; a < f; a++) {
            double v = factors[c * f + a];
            total += 0.5 * gamma * gamma * v * v;
            if (ga) gf[c * f + a] += gamma * gamma * v;
        }
    }
    return total;
}

double gmm(const double *alphas, long k, const double *means, long k_, long d,
           const double *factors, long k__, long f, const double *x, long n, long d_, double gamma,
           long m) {
    return mixture(alphas, k, means, d, factors, f, x, n, gamma, m, 0, 0, 0);
}

double gmm_gradient(const double *alphas, long k, const double *means, long k_, long d,
                    const double *factors, long k__, long f, const double *x, long n, long d_,
                    double gamma, long m, double *ga, double *gm, double *gf, double *work) {
    memset(ga, 0, k * sizeof(double));
    memset(gm, 0, k * d * sizeof(double));
    memset(gf, 0, k * f * sizeof(double));
    return mixture(alphas, k, means, d, factors, f, x, n, gamma, m, ga, gm, gf);
}

/* ---- the network: products in loops that the compiler vectorises, four rows at a time */

/* c (n x m) = or += a (n x k) times b (k x m) */
static void product(const double *restrict a, const double *restrict b, double *restrict c, long n,
                    long k, long m) {
    long i = 0;
    for (; i + 4 <= n; i += 4)
        for (long p = 0; p < k; p++) {
            const double *restrict row = b + p * m;
            double w = a[i * k + p], x = a[(i + 1) * k + p], y = a[(i + 2) * k + p];
            double z = a[(i + 3) * k + p];
            for (long j = 0; j < m; j++) {
                c[i * m + j] += w * row[j], c[(i + 1) * m + j] += x * row[j];
                c[(i + 2) * m + j] += y * row[j], c[(i + 3) * m + j] += z * row[j];
            }
        }
    for (; i < n; i++)
        for (long p = 0; p < k; p++)
            for (long j = 0; j < m; j++) c[i * m + j] += a[i * k + p] * b[p * m + j];
}

/* c (k x m) += a (n x k) transposed times b (n x m) */
static void transposed_product(const double *restrict a, const double *restrict b,
                               double *restrict c, long n, long k, long m) {
    long i = 0;
    for (; i + 4 <= n; i += 4) {
        const double *restrict r = b + i * m;
        for (long p = 0; p < k; p++) {
            double w = a[i * k + p], x = a[(i + 1) * k + p], y = a[(i + 2) * k + p];
            double z = a[(i + 3) * k + p];
            for (long j = 0; j < m; j++)
                c[p * m + j] += w * r[j] + x * r[m + j] + y * r[2 * m + j] + z * r[3 * m + j];
        }
    }
    for (; i < n; i++)
        for (long p = 0; p < k; p++)
            for (long j = 0; j < m; j++) c[p * m + j] += a[i * k + p] * b[i * m + j];
}

/* The hidden layer, the shifted scores and the loss; `over` holds softmax's denominators. */
static double forwards(const double *w1, long in, long hid, const double *b1, const double *w2,
                       long out, const double *b2, const double *x, long n, const double *targets,
                       double *hidden, double *scores, double *over) {
    double loss = 0.0;
    for (long i = 0; i < n; i++) memcpy(hidden + i * hid, b1, hid * sizeof(double));
    product(x, w1, hidden, n, in, hid);
    for (long i = 0; i < n * hid; i++) hidden[i] = tanh(hidden[i]);
    for (long i = 0; i < n; i++) memcpy(scores + i * out, b2, out * sizeof(double));
    product(hidden, w2, scores, n, hid, out);
    for (long i = 0; i < n; i++) {
        double *s = scores + i * out, most = s[0], total = 0.0;
        for (long j = 1; j < out; j++) most = fmax(most, s[j]);
        for (long j = 0; j < out; j++) {
            s[j] -= most;
            loss -= targets[i * out + j] * s[j];
            total += exp(s[j]);
        }
        loss += log(total);
        over[i] = 1.0 / total;
    }
    return loss / n;
}

double mlp(const double *w1, long in, long hid, const double *b1, long hid_, const double *w2,
           long hid__, long out, const double *b2, long out_, const double *x, long n, long in_,
           const double *targets, long n_, long out__) {
    static double memory[1 << 18];
    double *hidden = memory, *scores = hidden + n * hid, *over = scores + n * out;
    return forwards(w1, in, hid, b1, w2, out, b2, x, n, targets, hidden, scores, over);
}

double mlp_gradient(const double *w1, long in, long hid, const double *b1, long hid_,
                    const double *w2, long hid__, long out, const double *b2, long out_,
                    const double *x, long n, long in_, const double *targets, long n_, long out__,
                    double *g1, double *gb1, double *g2, double *gb2, double *work) {
    double *hidden = work, *scores = hidden + n * hid, *over = scores + n * out;
    double *ct = over + n, w2t[hid * out];
    double loss = forwards(w1, in, hid, b1, w2, out, b2, x, n, targets, hidden, scores, over);
    memset(g1, 0, in * hid * sizeof(double));
    memset(gb1, 0, hid * sizeof(double));
    memset(g2, 0, hid * out * sizeof(double));
    memset(gb2, 0, out * sizeof(double));
    memset(ct, 0, n * hid * sizeof(double));
    for (long i = 0; i < n; i++)
        for (long j = 0; j < out; j++) {
            double *s = scores + i * out + j;
            *s = (exp(*s) * over[i] - targets[i * out + j]) / n;
            gb2[j] += *s;
        }
    transposed_product(hidden, scores, g2, n, hid, out);
    for (long p = 0; p < hid; p++)
        for (long j = 0; j < out; j++) w2t[j * hid + p] = w2[p * out + j];
    product(scores, w2t, ct, n, out, hid);
    for (long i = 0; i < n; i++)
        for (long p = 0; p < hid; p++) {
            ct[i * hid + p] *= 1.0 - hidden[i * hid + p] * hidden[i * hid + p];
            gb1[p] += ct[i * hid + p];
        }
    transposed_product(x, ct, g1, n, in, hid);
    return loss;
}

/* Dynamic programs by hand; how the functions are called stands in loops.c. */

#include <math.h>
#include <string.h>

/* ---- soft-DTW: the three weights of each cell are kept, so the adjoint has no exponentials */

static inline double cell(double a, double b, double c, double gamma, double *w) {
    double least = fmin(fmin(a, b), c);
    w[0] = exp((least - a) / gamma), w[1] = exp((least - b) / gamma);
    w[2] = exp((least - c) / gamma);
    return least - gamma * log(w[0] + w[1] + w[2]);
}

double soft_dtw(const double *restrict x, long n, const double *restrict y, long m, double gamma) {
    double rows[2][m + 1], w[3];
    for (long j = 0; j <= m; j++) rows[0][j] = INFINITY;
    rows[0][0] = 0.0;
    for (long i = 1; i <= n; i++) {
        double *above = rows[(i - 1) % 2], *row = rows[i % 2];
        row[0] = INFINITY;
        for (long j = 1; j <= m; j++) {
            double d = x[i - 1] - y[j - 1];
            row[j] = d * d + cell(above[j - 1], above[j], row[j - 1], gamma, w);
        }
    }
    return rows[n % 2][m];
}

double soft_dtw_gradient(const double *restrict x, long n, const double *restrict y, long m,
                         double gamma, double *restrict gx, double *restrict gy,
                         double *restrict work) {
    double rows[2][m + 1], (*weights)[3] = (double(*)[3])work, *ct = work + 3 * n * m;
    for (long j = 0; j <= m; j++) rows[0][j] = INFINITY;
    rows[0][0] = 0.0;
    for (long i = 1; i <= n; i++) {
        double *above = rows[(i - 1) % 2], *row = rows[i % 2];
        row[0] = INFINITY;
        for (long j = 1; j <= m; j++) {
            double d = x[i - 1] - y[j - 1], *w = weights[(i - 1) * m + j - 1];
            row[j] = d * d + cell(above[j - 1], above[j], row[j - 1], gamma, w);
            double over = 1.0 / (w[0] + w[1] + w[2]);
            w[0] *= over, w[1] *= over, w[2] *= over;
        }
    }
    memset(ct, 0, (m + 1) * sizeof(double));
    memset(gx, 0, n * sizeof(double));
    memset(gy, 0, m * sizeof(double));
    ct[m] = 1.0; /* ct[j] is that of the row in hand; what goes up replaces it */
    for (long i = n; i >= 1; i--) {
        double by_x = 0.0, left = 0.0, corner = 0.0;
        for (long j = m; j >= 1; j--) {
            const double *w = weights[(i - 1) * m + j - 1];
            double here = ct[j] + left, d = 2.0 * here * (x[i - 1] - y[j - 1]);
            by_x += d, gy[j - 1] -= d;
            ct[j] = here * w[1] + corner;
            corner = here * w[0], left = here * w[2];
        }
        ct[0] = 0.0;
        gx[i - 1] = by_x;
    }
    return rows[n % 2][m];
}

/* ---- value iteration: what each update replaced and the action that it took are kept */

static inline double best_of(const double *restrict p, long actions, long states,
                             const double *restrict r, double discount, long s,
                             const double *restrict v, long *taken) {
    double best = -INFINITY;
    for (long a = 0; a < actions; a++) {
        const double *restrict row = p + (a * states + s) * states;
        double expected = 0.0;
        for (long t = 0; t < states; t++) expected += row[t] * v[t];
        double q = r[s * actions + a] + discount * expected;
        if (q > best) best = q, *taken = a;
    }
    return best;
}

double value_iteration(const double *p, long actions, long states, long states_, const double *r,
                       long states__, long actions_, double discount, long sweeps) {
    double v[states], total = 0.0;
    long taken;
    memset(v, 0, sizeof v);
    for (long k = 0; k < sweeps; k++)
        for (long s = 0; s < states; s++)
            v[s] = best_of(p, actions, states, r, discount, s, v, &taken);
    for (long s = 0; s < states; s++) total += v[s];
    return total;
}

double value_iteration_gradient(const double *restrict p, long actions, long states, long states_,
                                const double *restrict r, long states__, long actions_,
                                double discount, long sweeps, double *restrict gp,
                                double *restrict gr, double *restrict work) {
    double *restrict old = work, v[states], ct[states], total = 0.0;
    long *restrict took = (long *)(work + sweeps * states);
    memset(v, 0, sizeof v);
    memset(gp, 0, actions * states * states * sizeof(double));
    memset(gr, 0, states * actions * sizeof(double));
    for (long k = 0; k < sweeps; k++)
        for (long s = 0; s < states; s++) {
            double best = best_of(p, actions, states, r, discount, s, v, &took[k * states + s]);
            old[k * states + s] = v[s];
            v[s] = best;
        }
    for (long s = 0; s < states; s++) total += v[s], ct[s] = 1.0;
    for (long k = sweeps - 1; k >= 0; k--)
        for (long s = states - 1; s >= 0; s--) {
            long a = took[k * states + s], at = (a * states + s) * states;
            double here = ct[s], scaled = discount * here;
            v[s] = old[k * states + s];
            ct[s] = 0.0;
            gr[s * actions + a] += here;
            for (long t = 0; t < states; t++) {
                gp[at + t] += scaled * v[t];
                ct[t] += scaled * p[at + t];
            }
        }
    return total;
}

/* Loops over one array by hand: the primals, and their adjoints as one would write them.
 *
 * Each function takes the program's arguments in their order, an array with its lengths.  Each
 * gradient goes on with one array per argument that it is taken by, and `work`, warm memory for what
 * it saves; it returns the value, too.
 */

#include <math.h>
#include <string.h>

/* ---- pairwise: nothing is saved; value and gradient are one loop */

double pairwise(const double *restrict x, long n, long three) {
    double energy = 0.0;
    for (long i = 0; i < n; i++)
        for (long j = 0; j < i; j++) {
            double dx = x[3 * i] - x[3 * j], dy = x[3 * i + 1] - x[3 * j + 1];
            double dz = x[3 * i + 2] - x[3 * j + 2];
            double s = 1.0 / (dx * dx + dy * dy + dz * dz), s3 = s * s * s;
            energy += 4.0 * (s3 * s3 - s3);
        }
    return energy;
}

double pairwise_gradient(const double *restrict x, long n, long three, double *restrict g,
                         double *work) {
    double energy = 0.0;
    memset(g, 0, 3 * n * sizeof(double));
    for (long i = 0; i < n; i++) {
        double gx = 0.0, gy = 0.0, gz = 0.0;
        for (long j = 0; j < i; j++) {
            double dx = x[3 * i] - x[3 * j], dy = x[3 * i + 1] - x[3 * j + 1];
            double dz = x[3 * i + 2] - x[3 * j + 2];
            double s = 1.0 / (dx * dx + dy * dy + dz * dz), s3 = s * s * s;
            energy += 4.0 * (s3 * s3 - s3);
            double f = -24.0 * s * s3 * (2.0 * s3 - 1.0);
            gx += f * dx, gy += f * dy, gz += f * dz;
            g[3 * j] -= f * dx, g[3 * j + 1] -= f * dy, g[3 * j + 2] -= f * dz;
        }
        g[3 * i] += gx, g[3 * i + 1] += gy, g[3 * i + 2] += gz;
    }
    return energy;
}

/* ---- recurrence: y is kept; the cotangent runs down in a register */

static double recur(const double *restrict x, long n, double a, double *restrict y) {
    double last = y[0] = x[0], total = last;
    for (long i = 1; i < n; i++) {
        last = x[i] + a * last * (1.0 - last);
        y[i] = last;
        total += last;
    }
    return total;
}

double recurrence(const double *x, long n, double a) {
    double last = x[0], total = last;
    for (long i = 1; i < n; i++) {
        last = x[i] + a * last * (1.0 - last);
        total += last;
    }
    return total;
}

double recurrence_gradient(const double *restrict x, long n, double a, double *restrict g,
                           double *restrict ga, double *restrict y) {
    double total = recur(x, n, a, y), ct = 1.0, by_a = 0.0;
    for (long i = n - 1; i > 0; i--) {
        g[i] = ct;
        by_a += ct * y[i - 1] * (1.0 - y[i - 1]);
        ct = 1.0 + ct * a * (1.0 - 2.0 * y[i - 1]);
    }
    g[0] = ct;
    *ga = by_a;
    return total;
}

/* ---- Jacobi: two rows by turns, all rows kept for the adjoint */

static void sweep(const double *restrict u, const double *restrict f, long n, double h2,
                  double *restrict out) {
    out[0] = u[0], out[n - 1] = u[n - 1];
    for (long i = 1; i < n - 1; i++)
        out[i] = 0.5 * (u[i - 1] + u[i + 1] + h2 * (f[i] - u[i] * u[i] * u[i]));
}

static double squares(const double *u, long n) {
    double total = 0.0;
    for (long i = 0; i < n; i++) total += u[i] * u[i];
    return total;
}

double jacobi(const double *restrict f, long n, long sweeps) {
    double h2 = 1.0 / (double)(n * n), u[n];
    memset(u, 0, n * sizeof(double));
    for (long k = 0; k < sweeps; k++) {
        double left = u[0];
        for (long i = 1; i < n - 1; i++) {
            double here = u[i];
            u[i] = 0.5 * (left + u[i + 1] + h2 * (f[i] - here * here * here));
            left = here;
        }
    }
    return squares(u, n);
}

double jacobi_gradient(const double *restrict f, long n, long sweeps, double *restrict g,
                       double *restrict rows) {
    double h2 = 1.0 / (double)(n * n), *last = rows + n * sweeps, *ct = last + n, old[n];
    memset(rows, 0, n * sizeof(double));
    memset(g, 0, n * sizeof(double));
    for (long k = 0; k < sweeps; k++) sweep(rows + n * k, f, n, h2, rows + n * (k + 1));
    double total = squares(last, n);
    for (long i = 0; i < n; i++) ct[i] = 2.0 * last[i];
    ct[0] = ct[n - 1] = 0.0; /* the ends stand still, and what flows there is not asked for */
    for (long k = sweeps - 1; k >= 0; k--) {
        const double *restrict u = rows + n * k;
        memcpy(old, ct, n * sizeof(double));
        for (long i = 1; i < n - 1; i++) {
            g[i] += 0.5 * h2 * old[i];
            ct[i] = 0.5 * (old[i - 1] + old[i + 1]) - 1.5 * h2 * u[i] * u[i] * old[i];
        }
    }
    return total;
}

/* ---- GARCH: the variances are kept */

double garch(double omega, double alpha, double beta, const double *r, long n) {
    double h = omega / (1.0 - alpha - beta), total = 0.0;
    for (long t = 0; t < n; t++) {
        total += log(h) + r[t] * r[t] / h;
        h = omega + alpha * r[t] * r[t] + beta * h;
    }
    return total;
}

double garch_gradient(double omega, double alpha, double beta, const double *restrict r, long n,
                      double *go, double *ga, double *gb, double *restrict hs) {
    double first = 1.0 / (1.0 - alpha - beta), h = omega * first, total = 0.0;
    for (long t = 0; t < n; t++) {
        hs[t] = h;
        h = omega + alpha * r[t] * r[t] + beta * h;
    }
    for (long t = 0; t < n; t++) total += log(hs[t]) + r[t] * r[t] / hs[t];
    double ct = 0.0, by_omega = 0.0, by_alpha = 0.0, by_beta = 0.0;
    for (long t = n - 1; t >= 0; t--) {
        double squared = r[t] * r[t], over = 1.0 / hs[t];
        by_omega += ct, by_alpha += ct * squared, by_beta += ct * hs[t];
        ct = beta * ct + over - squared * over * over;
    }
    *go = by_omega + ct * first;
    *ga = by_alpha + ct * omega * first * first;
    *gb = by_beta + ct * omega * first * first;
    return total;
}

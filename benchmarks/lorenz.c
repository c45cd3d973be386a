/* The Lorenz benchmark by hand: the primal, and its adjoint as one would write it.
 *
 * p holds x, y, z, sigma, rho, beta.  The gradient stores the state of every step in `states` (three
 * doubles a step, given by the caller and so warm) and recomputes the stages in the reverse sweep.
 */

typedef struct { double x, y, z; } vec;

static inline vec field(vec s, double sigma, double rho, double beta) {
    vec d = {sigma * (s.y - s.x), s.x * (rho - s.z) - s.y, s.x * s.y - beta * s.z};
    return d;
}

static inline vec plus(vec a, double h, vec b) {
    vec r = {a.x + h * b.x, a.y + h * b.y, a.z + h * b.z};
    return r;
}

static inline vec step(vec s, double h, double sigma, double rho, double beta) {
    vec a = field(s, sigma, rho, beta);
    vec b = field(plus(s, 0.5 * h, a), sigma, rho, beta);
    vec c = field(plus(s, 0.5 * h, b), sigma, rho, beta);
    vec d = field(plus(s, h, c), sigma, rho, beta);
    vec r = {s.x + h / 6.0 * (a.x + 2.0 * b.x + 2.0 * c.x + d.x),
             s.y + h / 6.0 * (a.y + 2.0 * b.y + 2.0 * c.y + d.y),
             s.z + h / 6.0 * (a.z + 2.0 * b.z + 2.0 * c.z + d.z)};
    return r;
}

double lorenz(const double *p, long steps, double h) {
    vec s = {p[0], p[1], p[2]};
    double sigma = p[3], rho = p[4], beta = p[5];
    for (long i = 0; i < steps; i++) s = step(s, h, sigma, rho, beta);
    return s.x + s.y + s.z;
}

/* The transpose of field's derivative at s times k; adds to the gradients of the parameters. */
static inline vec transposed(vec s, vec k, double sigma, double rho, double beta,
                             double *gs, double *gr, double *gb) {
    *gs += (s.y - s.x) * k.x;
    *gr += s.x * k.y;
    *gb -= s.z * k.z;
    vec r = {(rho - s.z) * k.y + s.y * k.z - sigma * k.x,
             sigma * k.x - k.y + s.x * k.z,
             -s.x * k.y - beta * k.z};
    return r;
}

double lorenz_gradient(const double *p, long steps, double h, vec *states, double *g) {
    vec s = {p[0], p[1], p[2]};
    double sigma = p[3], rho = p[4], beta = p[5];
    for (long i = 0; i < steps; i++) {
        states[i] = s;
        s = step(s, h, sigma, rho, beta);
    }
    double value = s.x + s.y + s.z, gs = 0.0, gr = 0.0, gb = 0.0;
    vec ct = {1.0, 1.0, 1.0}, none = {0.0, 0.0, 0.0};
    for (long i = steps - 1; i >= 0; i--) {
        s = states[i];
        vec s2 = plus(s, 0.5 * h, field(s, sigma, rho, beta));
        vec s3 = plus(s, 0.5 * h, field(s2, sigma, rho, beta));
        vec s4 = plus(s, h, field(s3, sigma, rho, beta));
        vec k4 = plus(none, h / 6.0, ct), k3 = plus(none, h / 3.0, ct), k2 = k3, k1 = k4;
        vec c4 = transposed(s4, k4, sigma, rho, beta, &gs, &gr, &gb);
        k3 = plus(k3, h, c4);
        vec c3 = transposed(s3, k3, sigma, rho, beta, &gs, &gr, &gb);
        k2 = plus(k2, 0.5 * h, c3);
        vec c2 = transposed(s2, k2, sigma, rho, beta, &gs, &gr, &gb);
        k1 = plus(k1, 0.5 * h, c2);
        vec c1 = transposed(s, k1, sigma, rho, beta, &gs, &gr, &gb);
        ct.x += c1.x + c2.x + c3.x + c4.x;
        ct.y += c1.y + c2.y + c3.y + c4.y;
        ct.z += c1.z + c2.z + c3.z + c4.z;
    }
    g[0] = ct.x, g[1] = ct.y, g[2] = ct.z;
    g[3] = gs, g[4] = gr, g[5] = gb;
    return value;
}

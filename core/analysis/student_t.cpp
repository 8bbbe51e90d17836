#include "core/analysis/student_t.h"

#include <cmath>

namespace rheo {

namespace {

/// Continued fraction of the incomplete beta function, by Lentz' method.
double betaFraction(double a, double b, double x) {
    constexpr double tiny = 1e-300;
    const auto safe = [](double v) { return std::abs(v) < tiny ? tiny : v; };
    double c = 1, d = 1 / safe(1 - (a + b) * x / (a + 1)), value = d;
    for (int m = 1; m <= 1000; ++m) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / safe(1 + even * d);
        c = safe(1 + even / c);
        value *= d * c;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / safe(1 + odd * d);
        c = safe(1 + odd / c);
        const double change = d * c;
        value *= change;
        if (std::abs(change - 1) < 1e-14) break;
    }
    return value;
}

double incompleteBeta(double a, double b, double x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const double front =
        std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return front * betaFraction(a, b, x) / a;
    return 1 - front * betaFraction(b, a, 1 - x) / b;
}

}  // namespace

double studentTail(double t, double degrees) {
    if (std::isnan(t) || std::isnan(degrees)) return std::nan("");
    const double half = 0.5 * incompleteBeta(degrees / 2, 0.5, degrees / (degrees + t * t));
    return t > 0 ? half : 1 - half;
}

double studentQuantile(double p, double degrees) {
    double low = -1, high = 1;
    while (studentTail(low, degrees) < p) low *= 2;
    while (studentTail(high, degrees) > p) high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-12 * (1 + std::abs(low)); ++i) {
        const double middle = 0.5 * (low + high);
        (studentTail(middle, degrees) > p ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

}  // namespace rheo

// Included once for each kind of register (lanes.cpp), so there is no #pragma once; lanes.h comes first.

#ifndef RHEO_INLINE
/// Only where all is inlined is it computed in the registers of the caller.
#define RHEO_INLINE [[gnu::always_inline]] inline
#endif

/// Elementary functions of eight numbers side by side, without branches or tables. Each comes from a Taylor
/// series whose rest is below the rounding of a double over the reduced range; with the roundings of the
/// reduction the results are within 1e-15 (arctangent, radians), 1e-15 relative to max(1, |result|)
/// (logarithm) and 2e-16 (sine, cosine).
namespace rheo::RHEO_REGISTERS {

/// Doubles, and whole numbers or masks (0 or -1), of one register: arithmetic, comparison and `mask ? a : b`
/// work on each.
using Lanes = double __attribute__((vector_size(RHEO_REGISTER_BYTES)));
using LaneBits = std::int64_t __attribute__((vector_size(RHEO_REGISTER_BYTES)));
using LaneWords = std::uint64_t __attribute__((vector_size(RHEO_REGISTER_BYTES)));
constexpr int laneCount = RHEO_REGISTER_BYTES / sizeof(double);

/// [laneCount] numbers from and to memory, which need not be aligned.
RHEO_INLINE void loadLanes(const double* from, Lanes& to) {
    std::memcpy(&to, from, sizeof to);
}
RHEO_INLINE void storeLanes(const Lanes& from, double* to) {
    std::memcpy(to, &from, sizeof from);
}

constexpr double pi = 3.14159265358979323846;

/// 1 + z / 3 + z^2 / 5 + ... to z^10 / 21. t Q(-t^2) is atan t and t Q(t^2) is artanh t; for |t| <= tan(pi /
/// 16) the first term left out is t^23 / 23 < 4e-18.
RHEO_INLINE void arcSeries(const Lanes& z, Lanes& q) {
    q = z * (1.0 / 21) + 1.0 / 19;
    q = q * z + 1.0 / 17;
    q = q * z + 1.0 / 15;
    q = q * z + 1.0 / 13;
    q = q * z + 1.0 / 11;
    q = q * z + 1.0 / 9;
    q = q * z + 1.0 / 7;
    q = q * z + 1.0 / 5;
    q = q * z + 1.0 / 3;
    q = q * z + 1.0;
}

/// atan2(y, x) in (-pi, pi], with either zero as +0: a negative x and y = 0 give pi. 0 for (0, 0).
RHEO_INLINE void arcTangent(const Lanes& y, const Lanes& x, Lanes& angle) {
    const Lanes ay = y < 0 ? -y : y, ax = x < 0 ? -x : x;
    const Lanes low = ay < ax ? ay : ax, high = ay < ax ? ax : ay;
    // The nearest of 0, pi / 8 and pi / 4 is taken off: |t| <= tan(pi / 16) after that.
    constexpr double tan1 = 0.19891236737965800691, tan2 = 0.41421356237309504880,
                     tan3 = 0.66817863791929891999;
    const Lanes none = {};
    const auto nearZero = low < high * tan1;
    const auto nearEighth = low < high * tan3;
    const Lanes one = none + 1.0, eighth = none + tan2;
    const Lanes c = nearZero ? none : (nearEighth ? eighth : one);
    const Lanes base = nearZero ? none : (nearEighth ? none + pi / 8 : none + pi / 4);
    const Lanes below = high + c * low;
    const Lanes t = (low - c * high) / (below > 0 ? below : one);
    Lanes q;
    arcSeries(-t * t, q);
    Lanes a = (high > 0) ? base + t * q : none;
    a = ay > ax ? pi / 2 - a : a;
    a = x < 0 ? pi - a : a;
    angle = y < 0 ? -a : a;
}

/// Natural logarithm of a positive, normal number.
RHEO_INLINE void logarithm(const Lanes& x, Lanes& result) {
    LaneWords bits;
    std::memcpy(&bits, &x, sizeof bits);
    // The mantissa between sqrt(1/2) and sqrt(2), so that the series need not go beyond (sqrt(2) - 1) /
    // (sqrt(2) + 1).
    const LaneWords shifted = bits - 0x3fe6a09e667f3bcdULL;
    const LaneBits exponent = reinterpret_cast<LaneBits>(shifted) >> 52;
    bits -= reinterpret_cast<LaneWords>(exponent) << 52;
    Lanes m;
    std::memcpy(&m, &bits, sizeof m);
    const Lanes s = (m - 1.0) / (m + 1.0);
    Lanes q;
    arcSeries(s * s, q);
    result = __builtin_convertvector(exponent, Lanes) * 0.69314718055994530942 + 2.0 * s * q;
}

/// Sine and cosine of 2 pi u, 0 <= u < 1.
RHEO_INLINE void sineCosine(const Lanes& u, Lanes& sine, Lanes& cosine) {
    // u = quarter / 4 + rest with |rest| <= 1/8.
    const LaneBits quarter = __builtin_convertvector(u * 4.0 + 0.5, LaneBits);
    const Lanes a = (u - __builtin_convertvector(quarter, Lanes) * 0.25) * (2 * pi);
    const Lanes z = -a * a;
    Lanes s = z * (1.0 / 355687428096000) + 1.0 / 1307674368000;
    s = s * z + 1.0 / 6227020800;
    s = s * z + 1.0 / 39916800;
    s = s * z + 1.0 / 362880;
    s = s * z + 1.0 / 5040;
    s = s * z + 1.0 / 120;
    s = s * z + 1.0 / 6;
    s = s * z + 1.0;
    s = s * a;
    Lanes c = z * (1.0 / 20922789888000) + 1.0 / 87178291200;
    c = c * z + 1.0 / 479001600;
    c = c * z + 1.0 / 3628800;
    c = c * z + 1.0 / 40320;
    c = c * z + 1.0 / 720;
    c = c * z + 1.0 / 24;
    c = c * z + 0.5;
    c = c * z + 1.0;
    const auto odd = (quarter & 1) != 0;
    const Lanes first = odd ? c : s, second = odd ? s : c;
    sine = (quarter & 2) != 0 ? -first : first;
    cosine = ((quarter + 1) & 2) != 0 ? -second : second;
}

}  // namespace rheo::RHEO_REGISTERS

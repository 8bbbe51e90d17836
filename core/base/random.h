#pragma once

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace rheo {

/// A stream of random numbers named by (seed, stream): the same pair gives the same numbers on every
/// machine and with any number of threads, so parallel work names one stream per item.
/// Generator: xoshiro256++ (Blackman and Vigna 2019), state filled by SplitMix64.
class RandomStream {
public:
    using result_type = std::uint64_t;

    explicit RandomStream(std::uint64_t seed, std::uint64_t stream = 0);

    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
    result_type operator()();

    /// Uniform in [0, 1), 53 bits.
    double uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }
    /// Standard normal (polar method of Marsaglia).
    double normal();
    /// Uniform in 0 .. n-1, without modulo bias; n > 0.
    std::uint64_t below(std::uint64_t n);
    /// +1 or -1 with equal probability.
    double sign() { return ((*this)() >> 63) != 0 ? 1.0 : -1.0; }
    /// A uniform permutation of 0 .. n-1 (Fisher-Yates).
    std::vector<std::int32_t> permutation(std::int32_t n);

private:
    std::uint64_t m_state[4];
    double m_spare = 0;
    bool m_hasSpare = false;
};

}  // namespace rheo

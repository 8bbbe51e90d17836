#include "core/figure/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace rheo {
namespace {

/// Digits in groups of three: "1234567.5" to "1,234,567.5".
std::string grouped(std::string digits) {
    const auto point = std::min(digits.find('.'), digits.size());
    const std::size_t first = digits.starts_with('-') ? 1 : 0;
    for (auto at = point; at > first + 3; at -= 3) digits.insert(at - 3, 1, ',');
    return digits;
}

void dropTrailingZeros(std::string& digits) {
    if (digits.find('.') == std::string::npos) return;
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.ends_with('.')) digits.pop_back();
}

/// value = mantissa * 10^exponent after rounding to `digits` digits behind the point of the mantissa.
struct Scientific {
    std::string mantissa;
    int exponent = 0;
};
Scientific scientific(double value, int digits) {
    const std::string text = fmt::format("{:.{}e}", value, std::clamp(digits, 0, 17));
    const auto e = text.find('e');
    return {text.substr(0, e), std::atoi(text.c_str() + e + 1)};
}

// Outside these a number is easier to read with an exponent.
constexpr int smallestPlainExponent = -3;
constexpr int largestPlainExponent = 5;

std::string decadeLabel(int exponent) {
    if (exponent >= smallestPlainExponent && exponent <= largestPlainExponent)
        return formatNumber(std::pow(10.0, exponent), 1);
    return fmt::format("1e{}", exponent);
}

}  // namespace

Color scaleColor(const ColorScale& scale, double value, const Color& missing) {
    if (std::isnan(value) || std::abs(value) < scale.blankBelow) return missing;
    const double t = std::clamp((value - scale.low) / (scale.high - scale.low), 0.0, 1.0);
    return mapColor(scale.map, scale.mapFrom + t * (scale.mapTo - scale.mapFrom));
}

std::string formatNumber(double value, int significant) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    if (value == 0) return "0";
    significant = std::clamp(significant, 1, 17);
    auto parts = scientific(value, significant - 1);
    if (parts.exponent < smallestPlainExponent || parts.exponent > largestPlainExponent) {
        dropTrailingZeros(parts.mantissa);
        return fmt::format("{}e{}", parts.mantissa, parts.exponent);
    }
    // Digits before the point are never rounded away: a count of 65,537 is not 65,500.
    std::string text = fmt::format("{:.{}f}", value, std::max(0, significant - 1 - parts.exponent));
    dropTrailingZeros(text);
    return grouped(text);
}

std::vector<Tick> niceTicks(double low, double high, int count) {
    if (!std::isfinite(low) || !std::isfinite(high) || !(low < high) || !std::isfinite(high - low)) return {};
    const double raw = (high - low) / std::max(count, 1);
    const double decade = std::pow(10.0, std::floor(std::log10(raw)));
    const double ratio = raw / decade;
    const double factor = ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10;
    const double step = factor * decade;
    const double largest = std::max(std::abs(low), std::abs(high));
    // Without room for the step in the digits of a double there are no ticks to tell apart.
    if (!(step > 0) || step < largest * 1e-13) return {};

    const double slack = 1e-9 * (high - low) / step;
    const double first = std::ceil(low / step - slack);
    const double last = std::floor(high / step + slack);
    const int stepExponent = static_cast<int>(std::floor(std::log10(step) + 1e-9));
    const int largestExponent = static_cast<int>(std::floor(std::log10(largest) + 1e-9));
    const bool plain = largestExponent <= largestPlainExponent && stepExponent >= smallestPlainExponent - 1;

    std::vector<Tick> ticks;
    for (double i = first; i <= last; ++i) {
        // From an integer, so that no error adds up; rounded, so that 3 * 0.1 is written 0.3.
        const double value = i == 0 ? 0.0 : i * step;
        std::string label;
        if (plain) {
            label = grouped(fmt::format("{:.{}f}", value, std::max(0, -stepExponent)));
        } else if (value == 0) {
            label = "0";
        } else {
            const int exponent = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
            const auto parts = scientific(value, std::max(0, exponent - stepExponent));
            label = fmt::format("{}e{}", parts.mantissa, parts.exponent);
        }
        ticks.push_back({std::clamp(value, low, high), std::move(label)});
    }
    return ticks;
}

std::vector<Tick> logTicks(double low, double high, int count) {
    if (!(low > 0) || !std::isfinite(high) || !(low < high)) return {};
    const int first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
    const int last = static_cast<int>(std::floor(std::log10(high) + 1e-9));
    // Less than a decade: round values read better than 2, 3, 4 times a power of ten.
    if (std::log10(high / low) < 1) return niceTicks(low, high, count);
    const int every = std::max(1, (last - first + 1 + count - 1) / std::max(count, 1));
    const double slack = 1e-9;
    std::vector<Tick> ticks;
    for (int exponent = first; exponent <= last; ++exponent) {
        for (int digit = 1; digit <= (every == 1 ? 9 : 1); ++digit) {
            const double value = digit * std::pow(10.0, exponent);
            if (value < low * (1 - slack) || value > high * (1 + slack)) continue;
            Tick tick{std::clamp(value, low, high), {}};
            if (digit == 1 && (exponent - first) % every == 0) tick.label = decadeLabel(exponent);
            // A power of ten or two alone do not say how long a decade is.
            if ((digit == 2 || digit == 5) && last - first < 2) {
                tick.label = formatNumber(value, 1);
                tick.rank = 1;
            }
            ticks.push_back(std::move(tick));
        }
    }
    return ticks;
}

}  // namespace rheo

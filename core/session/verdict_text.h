#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/findings/verdicts.h"

namespace rheo {

/// A finding in words.
struct FindingText {
    std::string_view key;
    const char* finding;    ///< what was published
    const char* statistic;  ///< the number that stands for it
    const char* above;      ///< what is seen where the number lies above zero, or above the null
    const char* below;      ///< the same below; empty where it cannot
    const char* view;       ///< of the figure that shows what it is about (figureViews)
};
/// All of them.
std::span<const FindingText> findingTexts();
/// Throws Error(Internal) for a key that is none.
const FindingText& findingText(std::string_view key);

/// "density rises" for "density_rises".
std::string nameInWords(std::string_view key);

/// "a random walk with the same step sizes" for "gaussian_walk"; the name itself where there are no words.
std::string nullInWords(std::string_view null);

/// What came out, in plain English: one or a few sentences.
std::string sentenceOf(const Verdict& verdict);

/// "supported" with spaces for underscores.
std::string verdictInWords(VerdictKind kind);

/// Four significant digits; "undefined" for NaN.
std::string numberInWords(double x);

/// Three decimals, or the power of ten below 0.001.
std::string probabilityInWords(double p);

}  // namespace rheo

#include "core/trace/import_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "core/base/error.h"

namespace rheo {

namespace {

std::vector<std::int64_t> withoutOnes(std::vector<std::int64_t> shape) {
    std::erase(shape, 1);
    return shape;
}

Error failure(ErrorCode code, const SideArray& side, const std::string& file, const std::string& why) {
    return {code,
            fmt::format("{}: {} {}; correct it, name another with --mask, or leave it aside with --mask none",
                        file, side.name, why),
            file};
}

/// Samples that a side array is about: all, or those of the part with its number.
std::vector<std::size_t> samplesOf(const SideArray& side, const ImportPlan& plan,
                                   const std::vector<SampleTokens>& samples) {
    std::vector<std::size_t> chosen;
    for (std::size_t s = 0; s < samples.size(); ++s)
        if (side.sample.empty() || plan.parts[samples[s].part].sample == side.sample) chosen.push_back(s);
    return chosen;
}

bool sameLengths(const std::vector<std::size_t>& chosen, const std::vector<SampleTokens>& samples,
                 const ImportPlan& plan) {
    return std::all_of(chosen.begin(), chosen.end(), [&](std::size_t s) {
        return plan.parts[samples[s].part].extents.tokens ==
               plan.parts[samples[chosen.front()].part].extents.tokens;
    });
}

/// The ones of a row of a mask.
SampleTokens onesOf(std::span<const double> row, std::size_t sample, const SideArray& mask,
                    const std::string& file) {
    SampleTokens ones;
    for (std::size_t t = 0; t < row.size(); ++t) {
        if (row[t] != 0 && row[t] != 1)
            throw failure(ErrorCode::Format, mask, file,
                          fmt::format("holds {} for token {} of sample {}, and 0 (padding) or 1 was expected",
                                      row[t], t, sample));
        if (row[t] == 0) continue;
        if (ones.count == 0) ones.first = static_cast<std::int64_t>(t);
        if (ones.first + ones.count != static_cast<std::int64_t>(t))
            throw failure(
                ErrorCode::Format, mask, file,
                fmt::format("has a hole: in sample {} token {} is masked and token {} is not; the tokens "
                            "of a sample must be consecutive",
                            sample, ones.first + ones.count, t));
        ++ones.count;
    }
    return ones;
}

void requireCount(std::int64_t says, const SampleTokens& sample, std::size_t number, const SideArray& side,
                  const std::string& file) {
    if (says != sample.count)
        throw failure(ErrorCode::Mismatch, side, file,
                      fmt::format("says {} tokens for sample {}, and it has {}", says, number, sample.count));
}

}  // namespace

void applyMask(const SideArray& mask, const std::string& file, const ImportPlan& plan,
               std::vector<SampleTokens>& samples) {
    const auto chosen = samplesOf(mask, plan, samples);
    if (chosen.empty()) return;
    const auto count = static_cast<std::int64_t>(chosen.size());
    const std::int64_t tokens = plan.parts[samples[chosen.front()].part].extents.tokens;
    const bool regular = sameLengths(chosen, samples, plan);
    const bool fits = regular ? withoutOnes(mask.shape) == withoutOnes({count, tokens})
                              : mask.shape.size() == 2 && mask.shape[0] == count;
    if (!fits)
        throw failure(
            ErrorCode::Mismatch, mask, file,
            fmt::format("has the shape [{}], and [{}, {}] was expected: samples and their tokens",
                        fmt::join(mask.shape, ", "), count, regular ? std::to_string(tokens) : "longest"));
    const std::size_t width = mask.values.size() / chosen.size();
    for (std::size_t k = 0; k < chosen.size(); ++k) {
        SampleTokens& sample = samples[chosen[k]];
        const SampleTokens ones =
            onesOf(std::span(mask.values).subspan(k * width, width), chosen[k], mask, file);
        if (!regular) {
            requireCount(ones.count, sample, chosen[k], mask, file);
            continue;
        }
        sample.first = ones.first;
        sample.count = ones.count;
    }
}

void applyLengths(const SideArray& lengths, const std::string& file, const ImportPlan& plan,
                  std::vector<SampleTokens>& samples) {
    const auto chosen = samplesOf(lengths, plan, samples);
    if (chosen.empty()) return;
    for (const double length : lengths.values)
        if (!(length >= 0) ||
            length != static_cast<double>(static_cast<std::int64_t>(std::min(length, 1e15))))
            throw failure(ErrorCode::Format, lengths, file,
                          fmt::format("holds {}, which is no length", length));
    const double sum = std::accumulate(lengths.values.begin(), lengths.values.end(), 0.0);
    if (samples.size() == 1 && lengths.values.size() > 1 && sum == static_cast<double>(samples[0].count)) {
        std::int64_t first = samples[0].first;
        const SampleTokens whole = samples[0];
        samples.clear();
        for (const double length : lengths.values) {
            samples.push_back({whole.part, whole.batch, first, static_cast<std::int64_t>(length)});
            first += samples.back().count;
        }
        return;
    }
    if (lengths.values.size() != chosen.size())
        throw failure(
            ErrorCode::Mismatch, lengths, file,
            fmt::format("has {} values (sum {}), and {} were expected, one a sample{}", lengths.values.size(),
                        sum, chosen.size(),
                        samples.size() == 1 ? fmt::format(", or a sum of {} tokens", samples[0].count) : ""));
    for (std::size_t k = 0; k < chosen.size(); ++k) {
        SampleTokens& sample = samples[chosen[k]];
        const auto length = static_cast<std::int64_t>(lengths.values[k]);
        const std::int64_t tokens = plan.parts[sample.part].extents.tokens;
        if (sample.count != tokens)  // a mask was applied
            requireCount(length, sample, chosen[k], lengths, file);
        if (length > tokens)
            throw failure(
                ErrorCode::Mismatch, lengths, file,
                fmt::format("says {} tokens for sample {}, and its array has {}", length, chosen[k], tokens));
        sample.count = length;
    }
}

}  // namespace rheo

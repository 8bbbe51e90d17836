#include "core/dynamics/lens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace rheo {

namespace {

/// Where the trace has what the model says at last.
std::optional<PointIndex> finalPoint(const TraceInfo& info) {
    for (std::size_t p = 0; p < info.points.size(); ++p)
        if (info.points[p].site == Site::Final) return PointIndex{static_cast<std::int64_t>(p)};
    return std::nullopt;
}

/// ln of the sum of exponentials, in float64.
double logSum(const float* logits, std::int64_t count) {
    const double top = *std::max_element(logits, logits + count);
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += std::exp(logits[i] - top);
    return top + std::log(sum);
}

/// sum of e^(a - sumA) ((a - sumA) - (b - sumB)): KL of what `a` says from what `b` says.
double divergence(const float* a, double sumA, const float* b, double sumB, std::int64_t count) {
    double kl = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const double lnA = a[i] - sumA;
        kl += std::exp(lnA) * (lnA - (b[i] - sumB));
    }
    return std::max(0.0, kl);  // below only by rounding
}

double entropyOf(const float* logits, double sum, std::int64_t count) {
    double entropy = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const double ln = logits[i] - sum;
        entropy -= std::exp(ln) * ln;
    }
    return std::max(0.0, entropy);
}

void topOf(const float* logits, double sum, std::int64_t count, std::int64_t k,
           std::vector<std::int32_t>& order, std::int32_t* ids, float* probabilities) {
    order.resize(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    const auto likelier = [&](std::int32_t a, std::int32_t b) {
        return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + k, order.end(), likelier);
    for (std::int64_t i = 0; i < k; ++i) {
        ids[i] = order[static_cast<std::size_t>(i)];
        probabilities[i] = static_cast<float>(std::exp(logits[ids[i]] - sum));
    }
}

/// The place of `token` by likelihood, from 1; ties by id.
double rankOf(const float* logits, std::int64_t count, std::int32_t token) {
    std::int64_t before = 0;
    const float own = logits[token];
    for (std::int64_t i = 0; i < count; ++i) before += logits[i] > own || (logits[i] == own && i < token);
    return static_cast<double>(before + 1);
}

/// The token that a row of the trace is ranked by; -1: none.
std::int32_t rankedToken(const TraceInfo& info, std::int64_t row, const LensOptions& options,
                         std::int64_t vocabulary) {
    std::int32_t token = options.rankOf.value_or(-1);
    if (!options.rankOf) {
        const TraceRow& at = info.rows[static_cast<std::size_t>(row)];
        const auto sample = static_cast<std::size_t>(at.sample);
        if (at.sample < 0 || sample >= info.samples.size()) return -1;
        const auto& ids = info.samples[sample].tokenIds;
        const auto next = static_cast<std::size_t>(at.position) + 1;
        if (at.position >= 0 && next < ids.size()) token = ids[next];
    }
    return token < vocabulary ? token : -1;
}

/// Throws where the states are not of this model, or it has not so many tokens.
void checkAsked(std::int64_t units, const ModelConfig& config, const LensOptions& options) {
    if (units != config.dModel)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("the states of the trace have {} units, and those of the model {}", units,
                                config.dModel));
    if (options.top < 1 || options.top > config.vocabulary)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("the {} likeliest tokens are asked for, of a vocabulary of {}", options.top,
                                config.vocabulary));
    if (options.rankOf && (*options.rankOf < 0 || *options.rankOf >= config.vocabulary))
        throw Error(ErrorCode::InvalidArgument, fmt::format("token {} is asked for, of a vocabulary of {}",
                                                            *options.rankOf, config.vocabulary));
}

VectorD meanOverRows(const MatrixD& values, const std::vector<std::int64_t>& rows) {
    VectorD sum = VectorD::Zero(values.cols());
    for (const auto n : rows) sum += values.row(n).transpose();
    return values.size() == 0 ? VectorD() : VectorD(sum / static_cast<double>(rows.size()));
}

}  // namespace

LensResult lens(const Model& model, const TraceView& view, const LensOptions& options, Progress& progress) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    TraceView whole = view;
    whole.scaling = Scaling::Raw;
    whole.maskedUnits.clear();
    checkView(whole);
    const std::int64_t units = view.unitCount(), vocabulary = model.config().vocabulary;
    checkAsked(units, model.config(), options);
    // Read behind the points of the view, where it is not one of them.
    const auto last = finalPoint(view.trace->info());
    std::int64_t finalSlot = -1;
    const std::int64_t rows = view.rowCount(), points = view.pointCount();
    for (std::int64_t p = 0; last && p < points; ++p)
        if (view.tracePoint(p) == last->value()) finalSlot = p;
    const bool extra = last && finalSlot < 0;
    if (extra) {
        whole.points.clear();
        for (std::int64_t p = 0; p < points; ++p) whole.points.push_back(view.tracePoint(p));
        whole.points.push_back(last->value());  // no point is behind the final one
        finalSlot = points;
    }
    const std::int64_t read = points + (extra ? 1 : 0);

    progress.setStage("lens: looking for values that are not finite");
    Progress scan = progress.part(0, 0.05), work = progress.part(0.05, 1);
    const UsableRows usable = usableRows(whole, scan);
    const TraceView used = withRows(whole, usable.rows);
    LensResult result;
    result.excludedRows = usable.excluded;
    result.topIds = Array3<std::int32_t>(rows, points, options.top);
    std::fill(result.topIds.data.begin(), result.topIds.data.end(), -1);
    result.topProbabilities = Array3F(rows, points, options.top);
    std::fill(result.topProbabilities.data.begin(), result.topProbabilities.data.end(),
              std::numeric_limits<float>::quiet_NaN());
    result.entropy = MatrixD::Constant(rows, points, nan);
    result.rank = MatrixD::Constant(rows, points, nan);
    result.rankedToken = options.rankOf.value_or(-1);
    if (last) result.klToFinal = MatrixD::Constant(rows, points, nan);

    progress.setStage("lens");
    const auto perRow = static_cast<std::size_t>(read * (vocabulary + units)) * sizeof(float);
    // No more at once than what the unembedding does within some seconds: reports come between blocks.
    const std::int64_t block =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(options.memoryBytes / 2 / perRow), 1,
                                 std::max<std::int64_t>(1, 1024 / read));
    for (std::int64_t first = 0; first < used.rowCount(); first += block) {
        work.check();
        const std::int64_t count = std::min(block, used.rowCount() - first);
        MatrixF states(count * read, units);
        readView(used, first, count, states.data());
        Progress silent(work.stopToken());
        const MatrixF logits = model.unembed(states, silent);
        VectorD sums(count * read);
        parallelFor(sums.size(), 1, options.threads, work, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) sums[i] = logSum(logits.row(i).data(), vocabulary);
        });
        parallelFor(sums.size(), 1, options.threads, work, [&](std::int64_t begin, std::int64_t end) {
            std::vector<std::int32_t> order;
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t n = i / read, p = i % read;
                if (p >= points) continue;
                const std::int64_t row = usable.rows[static_cast<std::size_t>(first + n)];
                const float* of = logits.row(i).data();
                const double sum = sums[i];
                result.entropy(row, p) = entropyOf(of, sum, vocabulary);
                topOf(of, sum, vocabulary, options.top, order, result.topIds.at(row, p),
                      result.topProbabilities.at(row, p));
                const std::int32_t token =
                    rankedToken(view.trace->info(), view.traceRow(row), options, vocabulary);
                if (token >= 0) result.rank(row, p) = rankOf(of, vocabulary, token);
                if (!last) continue;
                const std::int64_t final = n * read + finalSlot;
                result.klToFinal(row, p) =
                    i == final ? 0 : divergence(logits.row(final).data(), sums[final], of, sum, vocabulary);
            }
        });
        work.report(static_cast<double>(first + count), static_cast<double>(used.rowCount()));
    }
    result.meanEntropy = meanOverRows(result.entropy, usable.rows);
    result.meanKlToFinal = meanOverRows(result.klToFinal, usable.rows);
    return result;
}

void nameTokens(LensResult& lens, const TraceView& view,
                const std::function<std::string(std::int32_t)>& textOf) {
    const auto name = [&](std::int32_t id) {
        if (id < 0 || lens.texts.contains(id)) return;
        if (std::string text = textOf(id); !text.empty()) lens.texts.emplace(id, std::move(text));
    };
    for (const std::int32_t id : lens.topIds.data) name(id);
    name(static_cast<std::int32_t>(lens.rankedToken));
    const auto& rows = view.trace->info().rows;
    for (std::int64_t n = 0; n < view.rowCount(); ++n)
        name(rows[static_cast<std::size_t>(view.traceRow(n))].tokenId);
}

}  // namespace rheo

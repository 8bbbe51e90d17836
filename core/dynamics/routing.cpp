#include "core/dynamics/routing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/model/routing.h"

namespace rheo {

namespace {

/// Labels 0, 1, ... in place of any numbers, equal where these are equal.
std::vector<std::int32_t> relabelled(const std::vector<std::int32_t>& labels, std::int32_t& count) {
    std::vector<std::int32_t> known = labels;
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    count = static_cast<std::int32_t>(known.size());
    std::vector<std::int32_t> result;
    result.reserve(labels.size());
    for (const std::int32_t label : labels)
        result.push_back(
            static_cast<std::int32_t>(std::lower_bound(known.begin(), known.end(), label) - known.begin()));
    return result;
}

/// Mutual information of a label that stays and labels that come in many orders.
class Information {
public:
    Information(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
        std::int32_t groups = 0;
        const auto first = relabelled(a, groups);
        m_second = relabelled(b, m_labels);
        m_rows.resize(first.size());
        std::iota(m_rows.begin(), m_rows.end(), 0);
        std::stable_sort(m_rows.begin(), m_rows.end(), [&](std::int32_t x, std::int32_t y) {
            return first[static_cast<std::size_t>(x)] < first[static_cast<std::size_t>(y)];
        });
        for (std::size_t i = 0; i < m_rows.size(); ++i)
            if (i == 0 ||
                first[static_cast<std::size_t>(m_rows[i])] != first[static_cast<std::size_t>(m_rows[i - 1])])
                m_starts.push_back(i);
        m_starts.push_back(m_rows.size());
        m_terms.resize(first.size() + 1);
        for (std::size_t n = 2; n < m_terms.size(); ++n)
            m_terms[n] = static_cast<double>(n) * std::log(static_cast<double>(n));
        std::vector<std::size_t> counts(static_cast<std::size_t>(m_labels));
        for (const std::int32_t label : m_second) ++counts[static_cast<std::size_t>(label)];
        for (const std::size_t n : counts) m_marginals += m_terms[n];
        for (std::size_t g = 0; g + 1 < m_starts.size(); ++g)
            m_marginals += m_terms[m_starts[g + 1] - m_starts[g]];
    }

    /// Row i has the second label of row order[i].
    double operator()(const std::vector<std::int32_t>& order) const {
        std::vector<std::size_t> counts(static_cast<std::size_t>(m_labels));
        double joint = 0;
        for (std::size_t g = 0; g + 1 < m_starts.size(); ++g) {
            for (std::size_t i = m_starts[g]; i < m_starts[g + 1]; ++i) ++counts[labelAt(order, i)];
            for (std::size_t i = m_starts[g]; i < m_starts[g + 1]; ++i)
                joint += m_terms[std::exchange(counts[labelAt(order, i)], 0)];
        }
        const auto n = m_rows.size();
        // H(a) + H(b) - H(a, b), each ln n less the mean of ln counts.
        return n == 0 ? 0 : std::max(0.0, (m_terms[n] - m_marginals + joint) / static_cast<double>(n));
    }

private:
    std::size_t labelAt(const std::vector<std::int32_t>& order, std::size_t i) const {
        return static_cast<std::size_t>(
            m_second[static_cast<std::size_t>(order[static_cast<std::size_t>(m_rows[i])])]);
    }

    std::vector<std::int32_t> m_rows;    ///< rows sorted by their first label
    std::vector<std::size_t> m_starts;   ///< where each first label begins, and the end
    std::vector<std::int32_t> m_second;  ///< [row]
    std::int32_t m_labels = 0;
    std::vector<double> m_terms;  ///< n ln n
    double m_marginals = 0;
};

std::vector<std::int32_t> inOrder(std::size_t count) {
    std::vector<std::int32_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    return order;
}

/// Sum of shares over ln of their number: the entropy of counts, 0 to 1.
double evenness(const std::vector<std::int64_t>& counts) {
    const auto total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
    if (counts.size() < 2 || total == 0) return std::numeric_limits<double>::quiet_NaN();
    double sum = 0;
    for (const std::int64_t count : counts)
        if (count > 0)
            sum -= static_cast<double>(count) / total * std::log(static_cast<double>(count) / total);
    return sum / std::log(static_cast<double>(counts.size()));
}

enum class Side { Low, High };

ChanceCurve emptyCurve(Eigen::Index length) {
    const VectorD none = VectorD::Constant(length, std::numeric_limits<double>::quiet_NaN());
    return {none, none, none, none, none};
}

/// Puts entry b of the curve beside the repeats' values, which are sorted.
void place(ChanceCurve& curve, Eigen::Index b, double observed, std::vector<double> repeats, Side side) {
    curve.observed[b] = observed;
    if (repeats.empty()) return;
    std::sort(repeats.begin(), repeats.end());
    const auto count = static_cast<double>(repeats.size());
    const auto at = [&](double share) {
        return repeats[static_cast<std::size_t>(std::lround(share * (count - 1)))];
    };
    curve.mean[b] = std::accumulate(repeats.begin(), repeats.end(), 0.0) / count;
    curve.low[b] = at(0.025);
    curve.high[b] = at(0.975);
    const auto asFar = std::count_if(repeats.begin(), repeats.end(), [&](double value) {
        return side == Side::Low ? value <= observed : value >= observed;
    });
    curve.p[b] = (1 + static_cast<double>(asFar)) / (1 + count);
}

/// Evenness of the usage where each of `rows` rows picks at random, for each repeat.
std::vector<double> randomBalance(std::int64_t rows, std::int64_t experts, std::int64_t chosen,
                                  const RoutingOptions& options, Progress& progress) {
    std::vector<double> values(static_cast<std::size_t>(options.repeats));
    parallelFor(options.repeats, 1, options.threads, progress, [&](std::int64_t repeat, std::int64_t) {
        RandomStream random(options.seed, static_cast<std::uint64_t>(repeat));
        std::vector<std::int32_t> order = inOrder(static_cast<std::size_t>(experts));
        std::vector<std::int64_t> counts(static_cast<std::size_t>(experts));
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t i = 0; i < chosen; ++i) {
                const auto other =
                    static_cast<std::size_t>(i) + random.below(static_cast<std::uint64_t>(experts - i));
                std::swap(order[static_cast<std::size_t>(i)], order[other]);
                ++counts[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
            }
        values[static_cast<std::size_t>(repeat)] = evenness(counts);
    });
    return values;
}

/// The information of `information` in the order of the rows, and in that of each repeat's shuffle.
void placeInformation(ChanceCurve& curve, Eigen::Index b, const Information& information, std::size_t rows,
                      std::uint64_t firstStream, const RoutingOptions& options, Progress& progress) {
    std::vector<double> values(static_cast<std::size_t>(options.repeats));
    parallelFor(options.repeats, 1, options.threads, progress, [&](std::int64_t repeat, std::int64_t) {
        RandomStream random(options.seed, firstStream + static_cast<std::uint64_t>(repeat));
        values[static_cast<std::size_t>(repeat)] =
            information(random.permutation(static_cast<std::int32_t>(rows)));
    });
    place(curve, b, information(inOrder(rows)), std::move(values), Side::High);
}

/// Chosen experts, usage and entropy.
void countChoices(RoutingResult& result, std::int64_t chosen) {
    const Array3F& p = result.probabilities;
    result.chosen = Array3<std::int32_t>(p.n0, p.n1, chosen);
    result.usage = MatrixD::Zero(p.n1, p.n2);
    result.entropy = MatrixD::Zero(p.n0, p.n1);
    for (std::int64_t row = 0; row < p.n0; ++row)
        for (std::int64_t b = 0; b < p.n1; ++b) {
            const auto line = p.line(row, b);
            const auto best = chosenExperts(line, chosen);
            std::copy(best.begin(), best.end(), result.chosen.at(row, b));
            for (const std::int32_t expert : best) result.usage(b, expert) += 1;
            for (const float share : line)
                if (share > 0)
                    result.entropy(row, b) -=
                        static_cast<double>(share) * std::log(static_cast<double>(share));
        }
    if (p.n2 > 1) result.entropy /= std::log(static_cast<double>(p.n2));
    if (p.n0 > 0) result.usage /= static_cast<double>(p.n0);
}

}  // namespace

double mutualInformation(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
    if (a.size() != b.size())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{} and {} labels are not of the same rows", a.size(), b.size()));
    return Information(a, b)(inOrder(a.size()));
}

void measureRouting(RoutingResult& result, const std::vector<std::int32_t>& ids, std::int64_t chosen,
                    const RoutingOptions& options, Progress& progress) {
    const std::int64_t rows = result.probabilities.n0, blocks = result.probabilities.n1,
                       experts = result.probabilities.n2;
    if (std::ssize(ids) != rows || std::ssize(result.blocks) != blocks || chosen < 1 || chosen > experts)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("probabilities of {} rows, {} blocks and {} experts do not fit {} tokens, {} "
                                "blocks and {} chosen experts",
                                rows, blocks, experts, ids.size(), result.blocks.size(), chosen));
    if (options.repeats < 0 || options.repeats > 10'000)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} repeats are not from 0 to 10,000", options.repeats));
    result.repeats = options.repeats;
    result.seed = options.seed;
    countChoices(result, chosen);
    result.balance = emptyCurve(blocks);
    result.token = emptyCurve(blocks);
    result.next = emptyCurve(std::max<std::int64_t>(0, blocks - 1));
    const auto balance = randomBalance(rows, experts, chosen, options, progress);
    const auto likeliest = [&](std::int64_t b) {
        std::vector<std::int32_t> labels;
        for (std::int64_t row = 0; row < rows; ++row) labels.push_back(*result.chosen.at(row, b));
        return labels;
    };
    const auto count = static_cast<std::size_t>(rows);
    const auto repeats = static_cast<std::uint64_t>(options.repeats);
    for (std::int64_t b = 0; b < blocks; ++b) {
        std::vector<std::int64_t> counts;
        for (std::int64_t e = 0; e < experts; ++e)
            counts.push_back(std::llround(result.usage(b, e) * static_cast<double>(rows)));
        place(result.balance, b, evenness(counts), balance, Side::Low);
        const auto stream = repeats * static_cast<std::uint64_t>(1 + 2 * b);
        placeInformation(result.token, b, Information(ids, likeliest(b)), count, stream, options, progress);
        if (b + 1 < blocks)
            placeInformation(result.next, b, Information(likeliest(b), likeliest(b + 1)), count,
                             stream + repeats, options, progress);
        progress.report(static_cast<double>(b + 1), static_cast<double>(blocks));
    }
}

RoutingResult routePrompts(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts,
                           const RoutingOptions& options, Progress& progress) {
    const ModelConfig& config = model.config();
    if (!config.experts)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("the model ({}) has no experts, so nothing is routed", config.architecture));
    RoutingResult result;
    for (std::int64_t block = 0; block < config.layers; ++block)
        if (config.blocks[static_cast<std::size_t>(block)].experts)
            result.blocks.push_back(static_cast<std::int32_t>(block));
    std::vector<std::int32_t> ids;
    for (const auto& prompt : prompts) ids.insert(ids.end(), prompt.begin(), prompt.end());
    const auto blocks = std::ssize(result.blocks);
    const double bytes =
        static_cast<double>(ids.size()) * static_cast<double>(blocks * config.experts->count) * 4;
    if (const auto free = availableMemory(); free && bytes > static_cast<double>(*free))
        throw Error(ErrorCode::OutOfMemory,
                    fmt::format("the probabilities of {} tokens take {:.1f} GB, and {:.1f} GB are free; take "
                                "fewer prompts (--limit) or shorter ones (--max-tokens)",
                                ids.size(), bytes / 1e9, static_cast<double>(*free) / 1e9));
    result.probabilities = Array3F(std::ssize(ids), blocks, config.experts->count);
    Progress running = progress.part(0, 0.7);
    std::int64_t row = 0;
    for (std::size_t first = 0; first < prompts.size(); first += static_cast<std::size_t>(options.batch)) {
        const std::size_t end = std::min(prompts.size(), first + static_cast<std::size_t>(options.batch));
        ForwardRequest request;
        request.states = false;
        request.routing = true;
        for (std::size_t i = first; i < end; ++i) {
            request.ids.push_back(prompts[i]);
            request.positions.push_back(inOrder(prompts[i].size()));
        }
        Progress part = running.part(static_cast<double>(first) / static_cast<double>(prompts.size()),
                                     static_cast<double>(end) / static_cast<double>(prompts.size()));
        const Array3F found = model.forward(request, part).routing;
        for (std::int64_t i = 0; i < found.n0; ++i, ++row)
            for (std::int64_t b = 0; b < blocks; ++b)
                std::copy_n(found.at(i, result.blocks[static_cast<std::size_t>(b)]), found.n2,
                            result.probabilities.at(row, b));
    }
    Progress measuring = progress.part(0.7, 1);
    measureRouting(result, ids, config.experts->chosen, options, measuring);
    return result;
}

}  // namespace rheo

// ATen first: the header of this file needs it.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/model/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "core/model/kernels.h"

namespace rheo {

namespace {

/// Scores kept at once by one thread, 4 MiB: they stay in the cache.
constexpr std::int64_t maxScratch = std::int64_t{1} << 20;

/// Cosines and sines in float32, as the reference implementations compute them.
RotaryTable::Angles angles(const std::vector<float>& frequencies, float factor, std::int64_t start,
                           std::int64_t tokens) {
    RotaryTable::Angles set;
    const auto count = static_cast<std::size_t>(tokens) * frequencies.size();
    set.cosine.reserve(count);
    set.sine.reserve(count);
    for (std::int64_t token = 0; token < tokens; ++token)
        for (const float frequency : frequencies) {
            const float angle = static_cast<float>(start + token) * frequency;
            set.cosine.push_back(std::cos(angle) * factor);
            set.sine.push_back(std::sin(angle) * factor);
        }
    return set;
}

/// theta^(-2i/dim), i < dim / 2.
std::vector<float> plainFrequencies(float theta, std::int64_t dim) {
    std::vector<float> frequencies;
    for (std::int64_t i = 0; i < dim; i += 2)
        frequencies.push_back(1.0F / std::pow(theta, static_cast<float>(i) / static_cast<float>(dim)));
    return frequencies;
}

/// The frequencies of a kind of rope, for a whole sequence of `length` tokens.
using Frequencies = std::vector<float> (*)(const RopeConfig& rope, std::int64_t dim, std::int64_t length);

std::vector<float> defaultFrequencies(const RopeConfig& rope, std::int64_t dim, std::int64_t) {
    return plainFrequencies(static_cast<float>(rope.theta), dim);
}

std::vector<float> linearFrequencies(const RopeConfig& rope, std::int64_t dim, std::int64_t) {
    std::vector<float> frequencies = plainFrequencies(static_cast<float>(rope.theta), dim);
    for (float& frequency : frequencies) frequency /= static_cast<float>(rope.factor);
    return frequencies;
}

/// Meta's scheme: wavelengths above `longest` are stretched by the factor, those below `shortest` are kept,
/// and between them the two are mixed in proportion to the number of turns.
std::vector<float> llama3Frequencies(const RopeConfig& rope, std::int64_t dim, std::int64_t) {
    std::vector<float> frequencies = plainFrequencies(static_cast<float>(rope.theta), dim);
    const auto original = static_cast<double>(rope.originalMaxPositions);
    const double longest = original / rope.lowFreqFactor;
    const double shortest = original / rope.highFreqFactor;
    for (float& frequency : frequencies) {
        const double wavelength = 2 * M_PI / static_cast<double>(frequency);
        const double stretched = static_cast<double>(frequency) / rope.factor;
        if (wavelength > longest) {
            frequency = static_cast<float>(stretched);
        } else if (wavelength >= shortest) {
            const double smooth =
                (original / wavelength - rope.lowFreqFactor) / (rope.highFreqFactor - rope.lowFreqFactor);
            frequency =
                static_cast<float>((1 - smooth) * stretched + smooth * static_cast<double>(frequency));
        }
    }
    return frequencies;
}

std::vector<float> longRopeFrequencies(const RopeConfig& rope, std::int64_t dim, std::int64_t length) {
    std::vector<float> frequencies = plainFrequencies(static_cast<float>(rope.theta), dim);
    const auto& factors = length > rope.originalMaxPositions ? rope.longFactor : rope.shortFactor;
    for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= static_cast<float>(factors[i]);
    return frequencies;
}

/// Yarn, arXiv:2309.00071, appendix A.2: below dimension `low` frequencies are kept, above `high` divided by
/// the factor, with a linear ramp between. The two are where a frequency turns betaFast and betaSlow times
/// within the original length.
std::vector<float> yarnFrequencies(const RopeConfig& rope, std::int64_t dim, std::int64_t) {
    const auto dimensionOf = [&](double turns) {
        return static_cast<double>(dim) *
               std::log(static_cast<double>(rope.originalMaxPositions) / (turns * 2 * M_PI)) /
               (2 * std::log(rope.theta));
    };
    double low = dimensionOf(rope.betaFast);
    double high = dimensionOf(rope.betaSlow);
    if (rope.truncate) {
        low = std::floor(low);
        high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(dim - 1));
    if (low == high) high += 0.001;
    std::vector<float> frequencies = plainFrequencies(static_cast<float>(rope.theta), dim);
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const auto place = (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low);
        const float kept = 1 - std::clamp(place, 0.0F, 1.0F);
        const float divided = frequencies[i] / static_cast<float>(rope.factor);
        frequencies[i] = divided * (1 - kept) + frequencies[i] * kept;
    }
    return frequencies;
}

/// "NTK-aware" scaling by the length of the sequence, in float32 as the reference computes it.
std::vector<float> dynamicFrequencies(const RopeConfig& rope, std::int64_t dim, std::int64_t length) {
    const auto theta = static_cast<float>(rope.theta);
    if (length <= rope.originalMaxPositions) return plainFrequencies(theta, dim);
    const float stretch = static_cast<float>(rope.factor) * static_cast<float>(length) /
                              static_cast<float>(rope.originalMaxPositions) -
                          static_cast<float>(rope.factor - 1);
    const auto power = static_cast<float>(static_cast<double>(dim) / static_cast<double>(dim - 2));
    return plainFrequencies(theta * std::pow(stretch, power), dim);
}

/// In the order of RopeKind.
constexpr Frequencies frequenciesOf[] = {defaultFrequencies,  linearFrequencies, llama3Frequencies,
                                         longRopeFrequencies, yarnFrequencies,   dynamicFrequencies};

void normRow(NormKind kind, const NormWeights& weights, std::int64_t offset, float epsilon, std::int64_t n,
             float* row) {
    const float* weight = weights.weight.data_ptr<float>() + offset;
    if (kind == NormKind::Layer)
        kernels::layerNormRow(row, weight, weights.bias.data_ptr<float>() + offset, epsilon, n, row);
    else
        kernels::rmsNormRow(row, weight, epsilon, n, row);
}

/// Norms and rotates the heads of one row in place.
struct HeadPreparation {
    const ModelConfig& config;
    const NormWeights& norm;
    std::int64_t heads;

    void operator()(float* row, const float* cosine, const float* sine) const {
        const auto epsilon = static_cast<float>(config.normEpsilon);
        const std::int64_t width = config.headDim;
        if (config.qkNorm == QkNorm::Full) normRow(config.norm, norm, 0, epsilon, heads * width, row);
        for (std::int64_t head = 0; head < heads; ++head) {
            float* const values = row + head * width;
            if (config.qkNorm == QkNorm::PerHead) normRow(config.norm, norm, 0, epsilon, width, values);
            if (cosine != nullptr) kernels::rotateHead(values, cosine, sine, config.rotaryDim / 2);
        }
    }
};

/// Rows [r0, r1) of queries or keys, which belong to tokens `token` of sequences that begin at `first`.
void prepareRows(const AttentionTask& task, const at::Tensor& tensor, const HeadPreparation& prepare,
                 bool queries, const Progress& progress) {
    float* const data = tensor.data_ptr<float>();
    const std::int64_t stride = tensor.stride(0);
    const std::int64_t half = task.rotary != nullptr ? task.rotary->half : 0;
    const auto& tokens = queries ? task.rows.queryToken : task.rows.rowToken;
    for (std::size_t s = 0; s < task.rows.sequences.size(); ++s) {
        const auto& sequence = task.rows.sequences[s];
        const RotaryTable::Angles* const set =
            task.rotary != nullptr ? &task.rotary->sets[task.rotary->setOf[s]] : nullptr;
        const float* const cosine = set != nullptr ? set->cosine.data() : nullptr;
        const float* const sine = set != nullptr ? set->sine.data() : nullptr;
        const std::int64_t first = queries ? sequence.firstQuery : sequence.firstRow;
        const std::int64_t count = queries ? sequence.queries : sequence.tokens;
        const std::int64_t grain = std::max<std::int64_t>(1, 32768 / (prepare.heads * task.config.headDim));
        at::parallel_for(0, count, grain, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t row = first + i;
                const std::int64_t token = tokens[static_cast<std::size_t>(row)];
                prepare(data + row * stride, cosine == nullptr ? nullptr : cosine + token * half,
                        sine == nullptr ? nullptr : sine + token * half);
            }
        });
        progress.check();
    }
}

}  // namespace

std::int64_t frequencySet(const RopeConfig& rope, std::int64_t length) {
    if (rope.kind == RopeKind::LongRope) return length > rope.originalMaxPositions ? 1 : 0;
    if (rope.kind == RopeKind::Dynamic) return std::max(length, rope.originalMaxPositions);
    return 0;
}

RotaryTable rotaryTable(const RopeConfig& rope, std::int64_t rotaryDim, std::int64_t start,
                        const std::vector<std::int64_t>& lengths) {
    RotaryTable table;
    table.half = rotaryDim / 2;
    struct Set {
        std::size_t index;
        std::int64_t whole, tokens;  // of one sequence, and of the longest
    };
    std::map<std::int64_t, Set> sets;
    for (const std::int64_t tokens : lengths) {
        const auto [entry, isNew] =
            sets.try_emplace(frequencySet(rope, start + tokens), Set{sets.size(), start + tokens, tokens});
        entry->second.tokens = std::max(entry->second.tokens, tokens);
        table.setOf.push_back(entry->second.index);
    }
    table.sets.resize(sets.size());
    for (const auto& [number, set] : sets)
        table.sets[set.index] =
            angles(frequenciesOf[static_cast<std::size_t>(rope.kind)](rope, rotaryDim, set.whole),
                   static_cast<float>(rope.attentionFactor), start, set.tokens);
    return table;
}

at::Tensor attendPlain(const AttentionTask& task, const at::Tensor& queries, const at::Tensor& keysValues,
                       const Progress& progress) {
    const ModelConfig& c = task.config;
    const std::int64_t width = c.headDim;
    const std::int64_t group = c.heads / c.kvHeads;
    prepareRows(task, queries, {c, task.weights.queryNorm, c.heads}, true, progress);
    prepareRows(task, keysValues, {c, task.weights.keyNorm, c.kvHeads}, false, progress);

    const float* const own = keysValues.data_ptr<float>();
    const std::int64_t ownStride = keysValues.stride(0);
    if (task.store != nullptr) {
        auto* const cache = task.store->data_ptr<float>();
        const std::int64_t cacheStride = task.store->stride(0);
        for (std::int64_t i = 0; i < keysValues.size(0); ++i)
            std::memcpy(cache + (task.rows.start + i) * cacheStride, own + i * ownStride,
                        static_cast<std::size_t>(2 * c.kvHeads * width) * sizeof(float));
    }

    std::vector<std::int64_t> positions;  // [query]
    positions.reserve(task.rows.queryToken.size());
    for (const std::int64_t token : task.rows.queryToken) positions.push_back(task.rows.start + token);

    at::Tensor result = at::empty({queries.size(0), c.heads * width}, at::kFloat);
    float* const out = result.data_ptr<float>();
    const float* const query = queries.data_ptr<float>();
    const std::int64_t queryStride = queries.stride(0);

    const auto attend = [&](const AttentionRows::Sequence& sequence, std::int64_t kvHead,
                            std::vector<float>& scratch) {
        // All heads that share the keys go together where each has one query: a small matrix, not vectors.
        const bool together = sequence.queries == 1;
        const std::int64_t keys = task.rows.start + sequence.tokens;
        const std::int64_t piece =
            together ? 1 : std::clamp<std::int64_t>(maxScratch / keys, 1, sequence.queries);
        const std::vector<std::int64_t> repeated(together ? static_cast<std::size_t>(group) : 0,
                                                 positions[static_cast<std::size_t>(sequence.firstQuery)]);
        for (std::int64_t begin = 0; begin < sequence.queries; begin += piece) {
            progress.check();
            const std::int64_t count = std::min(piece, sequence.queries - begin);
            const std::int64_t first = sequence.firstQuery + begin;
            const std::int64_t* const where = positions.data() + first;
            const std::int64_t oldest =
                task.block.window ? std::max<std::int64_t>(0, where[0] - *task.block.window + 1) : 0;

            kernels::HeadTask head;
            head.width = width;
            head.scale = static_cast<float>(task.block.attentionScale);
            head.softcap = static_cast<float>(c.attentionSoftcap.value_or(0));
            head.window = task.block.window.value_or(0);
            const std::int64_t skipped = std::min(oldest, task.rows.start);
            if (task.before != nullptr && skipped < task.rows.start) {
                head.before.stride = task.before->stride(0);
                head.before.keys =
                    task.before->data_ptr<float>() + skipped * head.before.stride + kvHead * width;
                head.before.values = head.before.keys + c.kvHeads * width;
                head.before.first = skipped;
                head.before.count = task.rows.start - skipped;
            }
            const std::int64_t ownFirst = std::max(oldest - task.rows.start, std::int64_t{0});
            const std::int64_t ownEnd = where[count - 1] - task.rows.start + 1;
            head.own.stride = ownStride;
            head.own.keys = own + (sequence.firstRow + ownFirst) * ownStride + kvHead * width;
            head.own.values = head.own.keys + c.kvHeads * width;
            head.own.first = task.rows.start + ownFirst;
            head.own.count = ownEnd - ownFirst;

            const std::int64_t rowsAtOnce = together ? group : count;
            scratch.resize(
                static_cast<std::size_t>(kernels::scratchOf(rowsAtOnce, head.before.count + head.own.count)));
            head.count = rowsAtOnce;
            head.positions = together ? repeated.data() : where;
            head.queryStride = together ? width : queryStride;
            head.outStride = together ? width : c.heads * width;
            for (std::int64_t member = 0; member < (together ? 1 : group); ++member) {
                const std::int64_t column = (kvHead * group + member) * width;
                head.queries = query + first * queryStride + column;
                head.out = out + first * c.heads * width + column;
                kernels::attendHead(head, scratch.data());
            }
        }
    };

    const auto sequences = static_cast<std::int64_t>(task.rows.sequences.size());
    const std::int64_t items = sequences * c.kvHeads;
    std::int64_t work = 0;
    for (const auto& sequence : task.rows.sequences)
        work += sequence.queries * (task.rows.start + sequence.tokens) * c.heads * width;
    const std::int64_t grain = std::max<std::int64_t>(1, items * 200'000 / std::max<std::int64_t>(1, work));
    at::parallel_for(0, items, grain, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> scratch;
        for (std::int64_t item = begin; item < end; ++item) {
            const auto& sequence = task.rows.sequences[static_cast<std::size_t>(item / c.kvHeads)];
            if (sequence.queries > 0) attend(sequence, item % c.kvHeads, scratch);
        }
    });
    return result;
}

at::Tensor normTensors(const at::Tensor& x, const NormWeights& weights, NormKind kind, double epsilon) {
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor centred = kind == NormKind::Layer ? wide - wide.mean(-1, true) : wide;
    at::Tensor normed = centred * at::rsqrt(centred.square().mean(-1, true) + epsilon) * weights.weight;
    if (kind == NormKind::Layer) normed = normed + weights.bias;
    return normed.to(x.scalar_type());
}

namespace {

/// [row, heads, headDim] normed and rotated.
at::Tensor preparedTensors(const AttentionTask& task, const at::Tensor& rows, const NormWeights& norm,
                           std::int64_t heads, bool queries) {
    const ModelConfig& c = task.config;
    at::Tensor x = rows;
    if (c.qkNorm == QkNorm::Full) x = normTensors(x, norm, c.norm, c.normEpsilon);
    x = x.reshape({rows.size(0), heads, c.headDim});
    if (c.qkNorm == QkNorm::PerHead) x = normTensors(x, norm, c.norm, c.normEpsilon);
    if (task.rotary == nullptr) return x;

    const std::int64_t half = task.rotary->half;
    at::Tensor cosine = at::empty({rows.size(0), 1, half}, at::kFloat);
    at::Tensor sine = at::empty({rows.size(0), 1, half}, at::kFloat);
    const auto& tokens = queries ? task.rows.queryToken : task.rows.rowToken;
    for (std::size_t s = 0; s < task.rows.sequences.size(); ++s) {
        const auto& sequence = task.rows.sequences[s];
        const auto& [cosines, sines] = task.rotary->sets[task.rotary->setOf[s]];
        const std::int64_t first = queries ? sequence.firstQuery : sequence.firstRow;
        const std::int64_t count = queries ? sequence.queries : sequence.tokens;
        for (std::int64_t row = first; row < first + count; ++row) {
            const std::int64_t at = tokens[static_cast<std::size_t>(row)] * half;
            std::copy_n(cosines.data() + at, half, cosine.data_ptr<float>() + row * half);
            std::copy_n(sines.data() + at, half, sine.data_ptr<float>() + row * half);
        }
    }
    cosine = cosine.to(x.device());
    sine = sine.to(x.device());
    const at::Tensor a = x.narrow(2, 0, half).to(at::kFloat);
    const at::Tensor b = x.narrow(2, half, half).to(at::kFloat);
    const at::Tensor kept = x.narrow(2, 2 * half, c.headDim - 2 * half);
    return at::cat(
        {(a * cosine - b * sine).to(x.scalar_type()), (b * cosine + a * sine).to(x.scalar_type()), kept}, 2);
}

/// bool [sequence, query, key]: what must not be seen.
at::Tensor hidden(const AttentionTask& task, std::size_t firstSequence, std::int64_t count,
                  std::int64_t firstQuery, std::int64_t queries, std::int64_t keys) {
    at::Tensor mask = at::empty({count, queries, keys}, at::kBool);
    auto* out = mask.data_ptr<bool>();
    const std::int64_t window = task.block.window.value_or(std::numeric_limits<std::int64_t>::max());
    for (std::int64_t s = 0; s < count; ++s) {
        const auto& sequence = task.rows.sequences[firstSequence + static_cast<std::size_t>(s)];
        for (std::int64_t q = 0; q < queries; ++q) {
            const std::int64_t position =
                task.rows.start +
                task.rows.queryToken[static_cast<std::size_t>(sequence.firstQuery + firstQuery + q)];
            for (std::int64_t key = 0; key < keys; ++key) *out++ = key > position || position - key >= window;
        }
    }
    return mask;
}

}  // namespace

at::Tensor attendTensors(const AttentionTask& task, const at::Tensor& queries, const at::Tensor& keysValues,
                         const Progress& progress) {
    const ModelConfig& c = task.config;
    const std::int64_t width = c.headDim;
    const std::int64_t group = c.heads / c.kvHeads;
    const std::int64_t kvWidth = c.kvHeads * width;
    const at::Tensor query = preparedTensors(task, queries, task.weights.queryNorm, c.heads, true);
    const at::Tensor key =
        preparedTensors(task, keysValues.narrow(1, 0, kvWidth), task.weights.keyNorm, c.kvHeads, false);
    const at::Tensor own = at::cat({key.reshape({-1, kvWidth}), keysValues.narrow(1, kvWidth, kvWidth)}, 1);
    if (task.store != nullptr) task.store->narrow(0, task.rows.start, own.size(0)).copy_(own);

    std::vector<at::Tensor> results;
    const auto& sequences = task.rows.sequences;
    for (std::size_t first = 0; first < sequences.size();) {
        // Neighbours of one shape are one batch.
        std::size_t end = first + 1;
        while (end < sequences.size() && sequences[end].tokens == sequences[first].tokens &&
               sequences[end].queries == sequences[first].queries)
            ++end;
        const auto count = static_cast<std::int64_t>(end - first);
        const std::int64_t tokens = sequences[first].tokens;
        const std::int64_t perSequence = sequences[first].queries;
        at::Tensor all = own.narrow(0, sequences[first].firstRow, count * tokens).view({count, tokens, -1});
        if (task.before != nullptr && task.rows.start > 0)
            all = at::cat(
                {task.before->narrow(0, 0, task.rows.start).unsqueeze(0).expand({count, -1, -1}), all}, 1);
        const std::int64_t keys = all.size(1);
        // [sequence * kvHead, key, width]
        const auto heads = [&](std::int64_t column) {
            return all.narrow(2, column, kvWidth)
                .reshape({count, keys, c.kvHeads, width})
                .permute({0, 2, 1, 3})
                .reshape({count * c.kvHeads, keys, width});
        };
        const at::Tensor k = heads(0);
        const at::Tensor v = heads(kvWidth);
        const at::Tensor q = query.narrow(0, sequences[first].firstQuery, count * perSequence)
                                 .reshape({count, perSequence, c.kvHeads, group, width})
                                 .permute({0, 2, 3, 1, 4});  // [sequence, kvHead, member, query, width]
        const std::int64_t piece = std::clamp<std::int64_t>(
            (std::int64_t{1} << 25) / std::max<std::int64_t>(1, count * c.heads * keys), 1,
            std::max<std::int64_t>(1, perSequence));
        std::vector<at::Tensor> pieces;
        for (std::int64_t begin = 0; begin < perSequence; begin += piece) {
            progress.check();
            const std::int64_t n = std::min(piece, perSequence - begin);
            at::Tensor scores = at::bmm(q.narrow(3, begin, n).reshape({count * c.kvHeads, group * n, width}),
                                        k.transpose(1, 2))
                                    .to(at::kFloat) *
                                task.block.attentionScale;
            if (c.attentionSoftcap) scores = at::tanh(scores / *c.attentionSoftcap) * *c.attentionSoftcap;
            const at::Tensor mask =
                hidden(task, first, count, begin, n, keys).to(scores.device()).view({count, 1, 1, n, keys});
            scores = scores.view({count, c.kvHeads, group, n, keys})
                         .masked_fill(mask, -std::numeric_limits<float>::infinity());
            const at::Tensor weights =
                at::softmax(scores, -1).to(v.scalar_type()).view({count * c.kvHeads, group * n, keys});
            pieces.push_back(at::bmm(weights, v)
                                 .view({count, c.kvHeads, group, n, width})
                                 .permute({0, 3, 1, 2, 4})
                                 .reshape({count, n, c.heads * width}));
        }
        if (!pieces.empty()) results.push_back(at::cat(pieces, 1).reshape({-1, c.heads * width}));
        first = end;
    }
    return at::cat(results, 0);
}

}  // namespace rheo

// ATen first: the header of this file needs it.
#include <ATen/ATen.h>

#include "core/model/weights.h"

#include <fmt/format.h>

#include <cstring>
#include <map>

#include "core/base/error.h"
#include "core/base/guarded_mapping.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/checkpoint/gguf_blocks.h"

namespace rheo {

namespace {

at::ScalarType scalarType(StoredType type) {
    switch (type) {
        case StoredType::F32: return at::kFloat;
        case StoredType::F16: return at::kHalf;
        case StoredType::BF16: return at::kBFloat16;
        case StoredType::F64: return at::kDouble;
        default: break;
    }
    throw Error(ErrorCode::Unsupported, fmt::format("weights of type {} are not read", storedTypeName(type)));
}

/// Hands out parameters by name, in float32 or their stored type, on the CPU.
class ParameterSource {
public:
    ParameterSource(const Checkpoint& checkpoint, std::optional<std::uint64_t> seed, int threads,
                    Progress& progress)
        : m_checkpoint(checkpoint), m_seed(seed), m_threads(threads), m_progress(progress) {
        for (auto& parameter : expectedParameters(checkpoint.config())) {
            std::int64_t count = 1;
            for (const std::int64_t extent : parameter.shape) count *= extent;
            m_total += static_cast<double>(count);
            const auto stream = static_cast<std::uint64_t>(m_parameters.size());
            m_parameters[parameter.name] = {parameter, stream};
        }
    }

    at::Tensor get(const std::string& name) {
        const auto found = m_parameters.find(name);
        if (found == m_parameters.end())
            throw Error(ErrorCode::Internal, fmt::format("no architecture has a parameter '{}'", name), name);
        const auto& [parameter, stream] = found->second;
        at::Tensor tensor = m_seed ? drawn(parameter, *m_seed, stream) : read(name);
        return tensor;
    }

    /// Values as the file has them, or expanded from its blocks; any alignment there, proper alignment here.
    at::Tensor read(const std::string& name) {
        const StoredTensor* stored = m_checkpoint.find(name);
        if (stored == nullptr)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("{} has no tensor {}", m_checkpoint.folder().string(), name), name);
        if (stored->blocks != nullptr) return expanded(*stored);
        at::Tensor tensor = at::empty(stored->shape, scalarType(stored->type));
        auto* out = static_cast<std::byte*>(tensor.data_ptr());
        const std::int64_t width = storedTypeBytes(stored->type);
        constexpr std::size_t piece = 16 << 20;
        for (std::size_t done = 0; done < stored->bytes.size(); done += piece) {
            m_progress.check();
            const auto part = stored->bytes.subspan(done, std::min(piece, stored->bytes.size() - done));
            std::memcpy(out + done, part.data(), part.size());
            forgetPages(part);  // or the file counts as memory beside its copy
            advance(static_cast<double>(part.size()) / static_cast<double>(width));
        }
        return tensor;
    }

private:
    /// Values of a quantised tensor, in float32.
    at::Tensor expanded(const StoredTensor& stored) {
        at::Tensor tensor = at::empty(stored.shape, at::kFloat);
        auto* out = tensor.data_ptr<float>();
        const BlockFormat& format = *stored.blocks;
        constexpr std::int64_t pieceValues = 1 << 22;
        const std::int64_t blocks = static_cast<std::int64_t>(stored.bytes.size()) / format.bytes;
        for (std::int64_t done = 0; done < blocks; done += pieceValues / format.values) {
            const std::int64_t count = std::min(pieceValues / format.values, blocks - done);
            constexpr std::int64_t together = 256;
            parallelFor(count, together, m_threads, m_progress, [&](std::int64_t begin, std::int64_t end) {
                const auto part =
                    stored.bytes.subspan(static_cast<std::size_t>((done + begin) * format.bytes),
                                         static_cast<std::size_t>((end - begin) * format.bytes));
                expandBlocks(format, part, out + (done + begin) * format.values);
            });
            forgetPages(stored.bytes.subspan(static_cast<std::size_t>(done * format.bytes),
                                             static_cast<std::size_t>(count * format.bytes)));
            advance(static_cast<double>(count * format.values));
        }
        return tensor;
    }

    /// Drawn in pieces, each from its own stream, so that any number of threads gives the same numbers.
    at::Tensor drawn(const ParameterSpec& parameter, std::uint64_t seed, std::uint64_t stream) {
        at::Tensor tensor = at::empty(parameter.shape, at::kFloat);
        if (parameter.init != InitKind::Normal) {
            tensor.fill_(parameter.init == InitKind::Ones ? 1.0 : 0.0);
        } else {
            auto* out = tensor.data_ptr<float>();
            constexpr std::int64_t piece = 1 << 16;
            parallelFor(
                tensor.numel(), piece, m_threads, m_progress, [&](std::int64_t begin, std::int64_t end) {
                    RandomStream random(seed, stream << 32 | static_cast<std::uint64_t>(begin / piece));
                    for (std::int64_t i = begin; i < end; ++i)
                        out[i] = static_cast<float>(parameter.initRange * random.normal());
                });
            const auto& padding = m_checkpoint.config().paddingToken;
            if (parameter.zeroPaddingRow && padding && *padding >= 0 && *padding < tensor.size(0))
                tensor.select(0, *padding).zero_();
        }
        advance(static_cast<double>(tensor.numel()));
        return tensor;
    }

    void advance(double values) {
        m_done += values;
        m_progress.report(m_done, m_total);
    }

    const Checkpoint& m_checkpoint;
    std::optional<std::uint64_t> m_seed;
    int m_threads;
    Progress& m_progress;
    std::map<std::string, std::pair<ParameterSpec, std::uint64_t>> m_parameters;
    double m_total = 0;
    double m_done = 0;
};

class Assembler {
public:
    Assembler(const Checkpoint& checkpoint, ParameterSource& source, at::Device device, at::ScalarType dtype)
        : m_checkpoint(checkpoint),
          m_config(checkpoint.config()),
          m_source(source),
          m_device(device),
          m_dtype(dtype) {}

    Weights all() {
        Weights weights;
        const TensorNames& names = m_config.names;
        weights.embedding = placed(m_source.get(names.prefix + names.embedding + ".weight"));
        if (m_config.learnedPositions)
            weights.positions = placed(m_source.get(names.prefix + names.positions + ".weight"));
        for (std::int64_t layer = 0; layer < m_config.layers; ++layer)
            weights.blocks.push_back(block(blockTensorName(m_config, layer, "", "")));
        weights.finalNorm = norm(names.prefix + names.finalNorm);
        weights.unembedding.weight = m_config.tiedUnembedding
                                         ? weights.embedding
                                         : placed(m_source.get(names.unembedding + ".weight"));
        if (m_config.unembeddingBias)
            weights.unembedding.bias = placed(m_source.get(names.unembedding + ".bias"));
        return weights;
    }

private:
    at::Tensor placed(const at::Tensor& tensor) const { return tensor.to(m_device, m_dtype).contiguous(); }

    NormWeights norm(const std::string& base) {
        NormWeights weights;
        weights.weight = m_source.get(base + ".weight").to(m_device, at::kFloat);
        if (m_config.norm == NormKind::RmsOnePlus) weights.weight = weights.weight + 1;
        if (m_config.norm == NormKind::Layer)
            weights.bias = m_source.get(base + ".bias").to(m_device, at::kFloat);
        return weights;
    }

    /// [out, in], still in its stored type.
    at::Tensor matrix(const std::string& base) {
        at::Tensor weight = m_source.get(base + ".weight");
        return m_config.names.transposed ? weight.t() : weight;
    }

    LinearWeights linear(const std::string& base, bool bias) {
        LinearWeights weights;
        weights.weight = placed(matrix(base));
        if (bias) weights.bias = placed(m_source.get(base + ".bias"));
        return weights;
    }

    /// [head, headDim, ...] with interleaved pairs of the first rotaryDim rows sorted into halves.
    at::Tensor halves(const at::Tensor& heads) const {
        if (!m_config.rotaryInterleaved || m_config.rotaryDim == 0) return heads;
        std::vector<std::int64_t> order;
        for (std::int64_t i = 0; i < m_config.rotaryDim; i += 2) order.push_back(i);
        for (std::int64_t i = 1; i < m_config.rotaryDim; i += 2) order.push_back(i);
        for (std::int64_t i = m_config.rotaryDim; i < m_config.headDim; ++i) order.push_back(i);
        return heads.index_select(1, at::tensor(order, at::kLong));
    }

    /// `part` is "weight" or "bias"; result [(heads + 2 kvHeads) * headDim, ...].
    at::Tensor fusedQkv(const std::string& block, bool bias) {
        const TensorNames& names = m_config.names;
        const auto get = [&](const std::string& name) {
            return bias ? m_source.get(block + name + ".bias") : matrix(block + name);
        };
        const std::int64_t heads = m_config.heads;
        const std::int64_t kvHeads = m_config.kvHeads;
        const std::int64_t width = m_config.headDim;
        const auto byHead = [&](const at::Tensor& tensor, std::int64_t count) {
            return bias ? tensor.reshape({count, width}) : tensor.reshape({count, width, tensor.size(1)});
        };
        at::Tensor query, key, value;
        if (names.qkvLayout == QkvLayout::Separate) {
            query = byHead(get(names.query), heads);
            key = byHead(get(names.key), kvHeads);
            value = byHead(get(names.value), kvHeads);
        } else if (names.qkvLayout == QkvLayout::Stacked) {
            const at::Tensor stacked = byHead(get(names.qkv), heads + 2 * kvHeads);
            query = stacked.narrow(0, 0, heads);
            key = stacked.narrow(0, heads, kvHeads);
            value = stacked.narrow(0, heads + kvHeads, kvHeads);
        } else {
            const at::Tensor source = get(names.qkv);
            const at::Tensor perHead =
                bias ? source.reshape({heads, 3, width}) : source.reshape({heads, 3, width, source.size(1)});
            query = perHead.select(1, 0);
            key = perHead.select(1, 1);
            value = perHead.select(1, 2);
        }
        const at::Tensor all = at::cat({placed(halves(query)), placed(halves(key)), placed(value)}, 0);
        return bias ? all.reshape({-1}) : all.reshape({-1, all.size(2)});
    }

    BlockWeights block(const std::string& base) {
        const TensorNames& names = m_config.names;
        BlockWeights weights;
        if (m_config.attnPreNorm) weights.attnPreNorm = norm(base + names.attnPreNorm);
        if (m_config.attnPostNorm) weights.attnPostNorm = norm(base + names.attnPostNorm);
        if (m_config.mlpPreNorm && !m_config.sharedNorm) weights.mlpPreNorm = norm(base + names.mlpPreNorm);
        if (m_config.mlpPostNorm) weights.mlpPostNorm = norm(base + names.mlpPostNorm);
        if (m_config.qkNorm != QkNorm::None) {
            weights.queryNorm = norm(base + names.queryNorm);
            weights.keyNorm = norm(base + names.keyNorm);
        }
        weights.qkv.weight = fusedQkv(base, false);
        if (m_config.qkvBias) weights.qkv.bias = fusedQkv(base, true);
        weights.attnOut = linear(base + names.attnOut, m_config.attnOutBias);
        if (!names.gateUp.empty()) {
            weights.gateUp = linear(base + names.gateUp, m_config.mlpBias);
        } else if (m_config.gatedMlp) {
            const LinearWeights gate = linear(base + names.gate, m_config.mlpBias);
            const LinearWeights up = linear(base + names.up, m_config.mlpBias);
            weights.gateUp.weight = at::cat({gate.weight, up.weight}, 0);
            if (m_config.mlpBias) weights.gateUp.bias = at::cat({gate.bias, up.bias}, 0);
        } else {
            weights.gateUp = linear(base + names.up, m_config.mlpBias);
        }
        weights.down = linear(base + names.down, m_config.mlpBias);
        return weights;
    }

    const Checkpoint& m_checkpoint;
    const ModelConfig& m_config;
    ParameterSource& m_source;
    at::Device m_device;
    at::ScalarType m_dtype;
};

}  // namespace

Weights loadWeights(const Checkpoint& checkpoint, at::Device device, at::ScalarType dtype,
                    std::optional<std::uint64_t> untrainedSeed, int threads, Progress& progress) {
    if (!untrainedSeed && !checkpoint.weightsMissing().empty())
        throw Error(ErrorCode::NotFound, checkpoint.weightsMissing(), checkpoint.folder().string());
    ParameterSource source(checkpoint, untrainedSeed, threads, progress);
    Weights weights = Assembler(checkpoint, source, device, dtype).all();
    progress.report(1, 1);
    return weights;
}

}  // namespace rheo

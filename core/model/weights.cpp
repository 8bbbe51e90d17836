// ATen first: the header of this file needs it.
#include <ATen/ATen.h>

#include "core/model/weights.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include "core/base/error.h"
#include "core/base/guarded_mapping.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/checkpoint/gguf_blocks.h"
#include "core/checkpoint/scaled_weights.h"
#include "core/model/adapter_merge.h"
#include "core/torch/threads.h"

namespace rheo {

namespace {

/// What the values of a tensor are in memory before they are brought to the compute dtype.
at::ScalarType valueType(const StoredTensor& stored) {
    if (stored.blocks != nullptr || stored.scaled != nullptr) return at::kFloat;
    switch (stored.type) {
        case StoredType::F32: return at::kFloat;
        case StoredType::F16: return at::kHalf;
        case StoredType::BF16: return at::kBFloat16;
        case StoredType::F64: return at::kDouble;
        default: break;
    }
    throw Error(ErrorCode::Unsupported,
                fmt::format("weights of type {} are not read", storedTypeName(stored.type)));
}

/// Values of a stored tensor are copied this many at a time.
constexpr std::int64_t pieceValues = 1 << 20;

/// Hands out parameters by name: in float32 or their stored type, on the CPU.
class ParameterSource {
public:
    ParameterSource(const WeightsTask& task, Progress& progress)
        : m_checkpoint(task.checkpoint),
          m_seed(task.untrainedSeed),
          m_threads(task.threads),
          m_progress(progress) {
        for (auto& parameter : expectedParameters(m_checkpoint.config())) {
            std::int64_t count = 1;
            for (const std::int64_t extent : parameter.shape) count *= extent;
            m_total += static_cast<double>(count);
            const auto stream = static_cast<std::uint64_t>(m_parameters.size());
            m_parameters[parameter.name] = {parameter, stream};
        }
    }

    /// Values as the file has them, or expanded from its blocks; any alignment there, proper alignment here.
    at::Tensor get(const std::string& name) {
        if (m_seed) return drawn(name);
        const StoredTensor& stored = find(name);
        at::Tensor tensor = at::empty(stored.shape, valueType(stored));
        const std::int64_t rows = rowsOf(stored);
        const at::Tensor flat = tensor.view({rows, -1});
        inPieces(stored, [&](std::int64_t first, std::int64_t count) {
            readRows(name, stored, first, flat.narrow(0, first, count));
        });
        return tensor;
    }

    /// The matrix in the file itself, not copied, where it is stored in this dtype and nothing is done to it;
    /// undefined elsewhere. It is only read.
    at::Tensor mapped(const std::string& name, at::ScalarType dtype) {
        if (m_seed || m_checkpoint.adapter() != nullptr) return {};
        const StoredTensor& stored = find(name);
        if (stored.blocks != nullptr || stored.scaled != nullptr || valueType(stored) != dtype ||
            reinterpret_cast<std::uintptr_t>(stored.bytes.data()) % c10::elementSize(dtype) != 0)
            return {};
        auto* const bytes = const_cast<std::byte*>(stored.bytes.data());
        at::Tensor tensor = at::from_blob(bytes, stored.shape, at::TensorOptions().dtype(dtype));
        advance(static_cast<double>(tensor.numel()));
        return tensor;
    }

    /// The same into `target`, of the parameter's shape, any strides, dtype and device. Beside it only a few
    /// rows are held.
    void into(const std::string& name, const at::Tensor& target) {
        if (m_seed) {
            target.copy_(drawn(name));
            return;
        }
        const StoredTensor& stored = find(name);
        if (stored.shape != target.sizes())
            throw Error(ErrorCode::Internal, fmt::format("{} does not have the shape that is read", name),
                        name);
        inPieces(stored, [&](std::int64_t first, std::int64_t count) {
            const at::Tensor part = target.dim() == 1 ? target : target.narrow(0, first, count);
            at::Tensor some = at::empty(part.sizes(), valueType(stored));
            readRows(name, stored, first, some.view({count, -1}));
            part.copy_(some);
        });
    }

    /// Rows of a matrix, [index, ...], in any order, each as get() has it.
    at::Tensor rows(const std::string& name, const at::Tensor& index) {
        std::vector<at::Tensor> found;
        const auto* const wanted = index.data_ptr<std::int64_t>();
        constexpr std::int64_t together = 256;
        for (std::int64_t i = 0; i < index.numel(); ++i) {
            found.push_back(rows(name, wanted[i], 1));
            // The system maps many pages around each.
            if (!m_seed && (i + 1) % together == 0) forgetPages(find(name).bytes);
        }
        if (!m_seed) forgetPages(find(name).bytes);
        return at::cat(found, 0);
    }

    /// Rows first .. first + count - 1.
    at::Tensor rows(const std::string& name, std::int64_t first, std::int64_t count) {
        if (m_seed) return drawnRows(name, first, count);
        const StoredTensor& stored = find(name);
        at::Tensor found = at::empty({count, stored.shape.at(1)}, valueType(stored));
        readRows(name, stored, first, found);
        forgetPages(bytesOfRows(stored, first, count));
        return found;
    }

private:
    const StoredTensor& find(const std::string& name) const {
        if (const StoredTensor* stored = m_checkpoint.find(name)) return *stored;
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{} has no tensor {}", m_checkpoint.folder().string(), name), name);
    }

    /// A vector is one row.
    static std::int64_t rowsOf(const StoredTensor& stored) {
        return stored.shape.size() < 2 ? 1 : stored.shape.front();
    }

    static std::span<const std::byte> bytesOfRows(const StoredTensor& stored, std::int64_t first,
                                                  std::int64_t count) {
        const std::size_t row = stored.bytes.size() / static_cast<std::size_t>(rowsOf(stored));
        return stored.bytes.subspan(static_cast<std::size_t>(first) * row,
                                    static_cast<std::size_t>(count) * row);
    }

    /// Calls `copy(first, count)` on the rows of a tensor, so many at a time that their values are few.
    template <class Copy>
    void inPieces(const StoredTensor& stored, const Copy& copy) {
        const std::int64_t rows = rowsOf(stored);
        std::int64_t values = 1;
        for (const std::int64_t extent : stored.shape) values *= extent;
        const std::int64_t together =
            std::max<std::int64_t>(1, pieceValues * rows / std::max<std::int64_t>(1, values));
        for (std::int64_t first = 0; first < rows; first += together) {
            m_progress.check();
            const std::int64_t count = std::min(together, rows - first);
            copy(first, count);
            forgetPages(bytesOfRows(stored, first, count));  // or the file counts as memory beside its copy
            advance(static_cast<double>(count) * static_cast<double>(values) / static_cast<double>(rows));
        }
    }

    /// Rows from `first` on to `out` [row, value], contiguous, as the adapter makes them.
    void readRows(const std::string& name, const StoredTensor& stored, std::int64_t first,
                  const at::Tensor& out) const {
        copyRows(stored, first, out);
        mergeAdapter(m_checkpoint, name, first, out, m_progress);
    }

    /// The same as they are stored.
    void copyRows(const StoredTensor& stored, std::int64_t first, const at::Tensor& out) const {
        const std::span<const std::byte> bytes = bytesOfRows(stored, first, out.size(0));
        if (stored.scaled != nullptr) {
            auto* const values = out.data_ptr<float>();
            constexpr std::int64_t together = 16;
            parallelFor(out.size(0), together, m_threads, m_progress,
                        [&](std::int64_t begin, std::int64_t end) {
                            expandScaled(stored, first + begin, end - begin, values + begin * out.size(1));
                        });
            return;
        }
        if (stored.blocks == nullptr) {
            std::memcpy(out.data_ptr(), bytes.data(), bytes.size());
            return;
        }
        const BlockFormat& format = *stored.blocks;
        auto* const values = out.data_ptr<float>();
        constexpr std::int64_t together = 256;
        parallelFor(std::ssize(bytes) / format.bytes, together, m_threads, m_progress,
                    [&](std::int64_t begin, std::int64_t end) {
                        expandBlocks(format,
                                     bytes.subspan(static_cast<std::size_t>(begin * format.bytes),
                                                   static_cast<std::size_t>((end - begin) * format.bytes)),
                                     values + begin * format.values);
                    });
    }

    at::Tensor drawn(const std::string& name) {
        const std::vector<std::int64_t>& shape = specOf(name).first.shape;
        return drawnRows(name, 0, shape.front()).reshape(shape);
    }

    /// Rows first .. first + count - 1, [count, value] float32. Drawn in pieces of the whole parameter, each
    /// from its own stream, so that any rows and any number of threads give the same numbers.
    at::Tensor drawnRows(const std::string& name, std::int64_t first, std::int64_t count) {
        const auto& [spec, stream] = specOf(name);
        std::int64_t width = 1;
        for (std::size_t i = 1; i < spec.shape.size(); ++i) width *= spec.shape[i];
        at::Tensor rows = at::full({count, width}, spec.init == InitKind::Ones ? 1.0 : 0.0, at::kFloat);
        if (spec.init == InitKind::Normal)
            draw(spec, stream, first * width,
                 {rows.data_ptr<float>(), static_cast<std::size_t>(rows.numel())});
        const std::int64_t padding = m_checkpoint.config().paddingToken.value_or(-1) - first;
        if (spec.zeroPaddingRow && padding >= 0 && padding < count) rows.select(0, padding).zero_();
        advance(static_cast<double>(rows.numel()));
        return rows;
    }

    /// Values from number `first` on of a parameter.
    void draw(const ParameterSpec& spec, std::uint64_t stream, std::int64_t first,
              std::span<float> out) const {
        constexpr std::int64_t piece = 1 << 16;
        const std::int64_t end = first + std::ssize(out), from = first / piece;
        parallelFor((end + piece - 1) / piece - from, 1, m_threads, m_progress,
                    [&](std::int64_t index, std::int64_t) {
                        const std::int64_t start = (from + index) * piece;
                        RandomStream random(*m_seed, stream << 32 | static_cast<std::uint64_t>(from + index));
                        for (std::int64_t i = start; i < std::min(end, start + piece); ++i) {
                            const auto value = static_cast<float>(spec.initRange * random.normal());
                            if (i >= first) out[static_cast<std::size_t>(i - first)] = value;
                        }
                    });
    }

    const std::pair<ParameterSpec, std::uint64_t>& specOf(const std::string& name) const {
        const auto found = m_parameters.find(name);
        if (found == m_parameters.end())
            throw Error(ErrorCode::Internal, fmt::format("no architecture has a parameter '{}'", name), name);
        return found->second;
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

/// Pages of their own, which the system has back as soon as the tensor is gone: an allocator would keep some
/// of them for the thread that read a block.
at::Tensor ownPages(at::IntArrayRef shape, at::ScalarType dtype) {
    std::size_t bytes = c10::elementSize(dtype);
    for (const std::int64_t extent : shape) bytes *= static_cast<std::size_t>(extent);
    void* const pages = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    ::madvise(pages, bytes, MADV_HUGEPAGE);
    return at::from_blob(
        pages, shape, [bytes](void* gone) { ::munmap(gone, bytes); }, at::TensorOptions().dtype(dtype));
}

/// Puts parameters into the form they are used in, on the device.
class Assembler {
public:
    /// `shortLived`: what is made is let go of soon.
    Assembler(const WeightsTask& task, bool shortLived, Progress& progress)
        : m_config(task.checkpoint.config()),
          m_source(task, progress),
          m_device(task.device),
          m_dtype(task.dtype),
          m_ownPages(shortLived && task.device.is_cpu()) {}

    Weights all(bool stream) {
        Weights weights;
        const TensorNames& names = m_config.names;
        if (!stream) {
            weights.embedding = placed(embeddingName());
            for (std::int64_t layer = 0; layer < m_config.layers; ++layer)
                weights.blocks.push_back(block(layer));
            weights.unembedding.weight =
                m_config.tiedUnembedding ? weights.embedding : placed(unembeddingName());
        }
        if (m_config.learnedPositions) weights.positions = placed(names.prefix + names.positions + ".weight");
        weights.finalNorm = norm(names.prefix + names.finalNorm);
        if (m_config.unembeddingBias) weights.unembedding.bias = placed(names.unembedding + ".bias");
        weights.mapped = m_mapped;
        return weights;
    }

    BlockWeights block(std::int64_t layer) {
        const std::string base = blockTensorName(m_config, layer, "", "");
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
        weights.qkv = queriesKeysValues(base);
        weights.attnOut = linear({{base + names.attnOut, m_config.dModel}}, m_config.heads * m_config.headDim,
                                 m_config.attnOutBias);
        if (m_config.blocks[static_cast<std::size_t>(layer)].experts)
            addExperts(base, weights);
        else if (!names.gateUp.empty())
            weights.mlp = mlp({{base + names.gateUp, 2 * m_config.intermediate}}, base + names.down,
                              m_config.intermediate);
        else if (m_config.gatedMlp)
            weights.mlp =
                gatedMlp(base + names.gate, base + names.up, base + names.down, m_config.intermediate);
        else
            weights.mlp =
                mlp({{base + names.up, m_config.intermediate}}, base + names.down, m_config.intermediate);
        return weights;
    }

    at::Tensor embeddingRows(const at::Tensor& ids) {
        return m_source.rows(embeddingName(), ids).to(m_device, m_dtype);
    }

    at::Tensor unembeddingRows(std::int64_t first, std::int64_t count) {
        const std::string name = m_config.tiedUnembedding ? embeddingName() : unembeddingName();
        return m_source.rows(name, first, count).to(m_device, m_dtype);
    }

private:
    struct Part {
        std::string base;  ///< name without ".weight"
        std::int64_t out;  ///< its rows
    };

    MlpWeights mlp(const std::vector<Part>& wide, const std::string& down, std::int64_t width) {
        return {linear(wide, m_config.dModel, m_config.mlpBias),
                linear({{down, m_config.dModel}}, width, m_config.mlpBias)};
    }
    MlpWeights gatedMlp(const std::string& gate, const std::string& up, const std::string& down,
                        std::int64_t width) {
        return mlp({{gate, width}, {up, width}}, down, width);
    }

    void addExperts(const std::string& base, BlockWeights& weights) {
        const TensorNames& names = m_config.names;
        const ExpertsConfig& experts = *m_config.experts;
        weights.router = linear({{base + names.router, experts.count}}, m_config.dModel, false);
        for (std::int64_t expert = 0; expert < experts.count; ++expert)
            weights.experts.push_back(gatedMlp(base + expertName(names.expertGate, expert),
                                               base + expertName(names.expertUp, expert),
                                               base + expertName(names.expertDown, expert), experts.width));
        if (experts.sharedWidth == 0) return;
        weights.mlp = gatedMlp(base + names.sharedGate, base + names.sharedUp, base + names.sharedDown,
                               experts.sharedWidth);
        weights.sharedScale = linear({{base + names.sharedScale, 1}}, m_config.dModel, false);
    }

    std::string embeddingName() const { return m_config.names.prefix + m_config.names.embedding + ".weight"; }
    std::string unembeddingName() const { return m_config.names.unembedding + ".weight"; }

    /// A matrix as the file has it, or undefined.
    at::Tensor mapped(const std::string& name) {
        if (m_ownPages || !m_device.is_cpu()) return {};
        const at::Tensor found = m_source.mapped(name, m_dtype);
        m_mapped = m_mapped || found.defined();
        return found;
    }

    at::Tensor placed(const std::string& name) {
        if (const at::Tensor found = mapped(name); found.defined()) return found;
        return m_source.get(name).to(m_device, m_dtype).contiguous();
    }

    at::Tensor empty(at::IntArrayRef shape) const {
        if (m_ownPages && shape.size() == 2) return ownPages(shape, m_dtype);
        return at::empty(shape, at::TensorOptions().device(m_device).dtype(m_dtype));
    }

    NormWeights norm(const std::string& base) {
        NormWeights weights;
        weights.weight = m_source.get(base + ".weight").to(m_device, at::kFloat);
        if (m_config.norm == NormKind::RmsOnePlus) weights.weight = weights.weight + 1;
        if (m_config.norm == NormKind::Layer)
            weights.bias = m_source.get(base + ".bias").to(m_device, at::kFloat);
        return weights;
    }

    /// Matrices of `in` columns, one above the other.
    LinearWeights linear(const std::vector<Part>& parts, std::int64_t in, bool bias) {
        std::int64_t rows = 0;
        for (const Part& part : parts) rows += part.out;
        LinearWeights weights;
        if (parts.size() == 1 && !m_config.names.transposed)
            weights.weight = mapped(parts[0].base + ".weight");
        const bool copies = !weights.weight.defined();
        if (copies) weights.weight = empty({rows, in});
        if (bias) weights.bias = empty({rows});
        std::int64_t first = 0;
        for (const auto& [base, out] : parts) {
            const at::Tensor target = weights.weight.narrow(0, first, out);
            if (copies) m_source.into(base + ".weight", m_config.names.transposed ? target.t() : target);
            if (bias) m_source.into(base + ".bias", weights.bias.narrow(0, first, out));
            first += out;
        }
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

    /// Whether queries and keys are permuted, or interleaved with values, in the checkpoint.
    bool rearranged() const {
        return (m_config.rotaryInterleaved && m_config.rotaryDim > 0) ||
               m_config.names.qkvLayout == QkvLayout::PerHead;
    }

    LinearWeights queriesKeysValues(const std::string& block) {
        const TensorNames& names = m_config.names;
        const std::int64_t queries = m_config.heads * m_config.headDim;
        const std::int64_t keys = m_config.kvHeads * m_config.headDim;
        if (rearranged())
            return {sorted(block, false), m_config.qkvBias ? sorted(block, true) : at::Tensor()};
        if (names.qkvLayout == QkvLayout::Stacked)
            return linear({{block + names.qkv, queries + 2 * keys}}, m_config.dModel, m_config.qkvBias);
        return linear(
            {{block + names.query, queries}, {block + names.key, keys}, {block + names.value, keys}},
            m_config.dModel, m_config.qkvBias);
    }

    /// Weights or biases of queries, keys and values, sorted: [(heads + 2 kvHeads) * headDim, ...].
    at::Tensor sorted(const std::string& block, bool bias) {
        const TensorNames& names = m_config.names;
        const auto get = [&](const std::string& name) {
            if (bias) return m_source.get(block + name + ".bias");
            const at::Tensor weight = m_source.get(block + name + ".weight");
            return names.transposed ? weight.t() : weight;
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
        const auto placed = [&](const at::Tensor& part) { return part.to(m_device, m_dtype); };
        const at::Tensor all = at::cat({placed(halves(query)), placed(halves(key)), placed(value)}, 0);
        return bias ? all.reshape({-1}) : all.reshape({-1, all.size(2)});
    }

    const ModelConfig& m_config;
    ParameterSource m_source;
    at::Device m_device;
    at::ScalarType m_dtype;
    bool m_ownPages;
    bool m_mapped = false;  ///< a tensor is the file's own
};

}  // namespace

struct WeightReader::State {
    explicit State(const WeightsTask& task)
        : config(task.checkpoint.config()), now(task, true, silent), ahead(task, true, silent) {}

    std::mutex mutex;  ///< of all that is called from outside
    const ModelConfig& config;
    Progress silent;
    Assembler now;
    Assembler ahead;  ///< of the thread that reads ahead
    std::int64_t nextLayer = -1;
    std::future<BlockWeights> next;  ///< the last: its end waits for that thread
};

WeightReader::WeightReader(const WeightsTask& task) : m_state(std::make_unique<State>(task)) {}
WeightReader::~WeightReader() = default;

std::shared_ptr<const BlockWeights> WeightReader::block(std::int64_t layer) const {
    State& state = *m_state;
    const std::lock_guard lock(state.mutex);
    std::future<BlockWeights> read = std::move(state.next);
    const bool isRead = read.valid() && state.nextLayer == layer;
    if (read.valid() && !isRead) {
        read.wait();  // only one thread reads ahead
        read = {};
    }
    auto block = std::make_shared<const BlockWeights>(isRead ? read.get() : state.now.block(layer));
    if (layer + 1 == state.config.layers) return block;
    state.nextLayer = layer + 1;
    state.next = std::async(std::launch::async, [&state, layer] {
        const c10::InferenceMode inference;
        useOneThread();
        return state.ahead.block(layer + 1);
    });
    return block;
}

at::Tensor WeightReader::embedding(const at::Tensor& ids) const {
    const std::lock_guard lock(m_state->mutex);
    return m_state->now.embeddingRows(ids);
}

at::Tensor WeightReader::unembedding(std::int64_t first, std::int64_t count) const {
    const std::lock_guard lock(m_state->mutex);
    return m_state->now.unembeddingRows(first, count);
}

Weights loadWeights(const WeightsTask& task, bool stream, Progress& progress) {
    const Checkpoint& checkpoint = task.checkpoint;
    if (!task.untrainedSeed && !checkpoint.weightsMissing().empty())
        throw Error(ErrorCode::NotFound, checkpoint.weightsMissing(), checkpoint.folder().string());
    Weights weights = Assembler(task, false, progress).all(stream);
    if (stream) weights.reader = std::make_shared<const WeightReader>(task);
    progress.report(1, 1);
    return weights;
}

}  // namespace rheo

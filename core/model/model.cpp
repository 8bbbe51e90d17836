#include "core/model/model.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <mutex>
#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/model/block_stack.h"
#include "core/model/kernels.h"
#include "core/torch/failure.h"
#include "core/torch/threads.h"

namespace rheo {

namespace {

at::ScalarType scalarType(DType dtype) {
    switch (dtype) {
        case DType::Float32: return at::kFloat;
        case DType::BFloat16: return at::kBFloat16;
        case DType::Float16: return at::kHalf;
    }
    return at::kFloat;
}

/// "cpu", "cuda", "cuda:1". Throws Error(InvalidArgument or Device).
at::Device parseDevice(const std::string& name) {
    if (name == "cpu") return at::Device(at::kCPU);
    int index = 0;
    bool valid = name == "cuda";
    if (name.starts_with("cuda:")) {
        const auto [end, failed] = std::from_chars(name.data() + 5, name.data() + name.size(), index);
        valid = failed == std::errc{} && end == name.data() + name.size() && index >= 0 && index < 128;
    }
    if (!valid)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("'{}' is no device; write cpu, cuda or cuda:1", name), name);
    if (!torch::cuda::is_available())
        throw Error(ErrorCode::Device,
                    fmt::format("{} is not available: libtorch was built without CUDA, or finds no CUDA "
                                "device; use --device cpu, or a libtorch with CUDA",
                                name),
                    name);
    if (index >= static_cast<int>(torch::cuda::device_count()))
        throw Error(ErrorCode::Device,
                    fmt::format("there is no {}: {} CUDA devices are there, counted from 0", name,
                                torch::cuda::device_count()),
                    name);
    return {at::kCUDA, static_cast<at::DeviceIndex>(index)};
}

/// libtorch's failures as ours; `doing` completes "... failed".
template <class Function>
auto translated(const char* doing, Function&& function) {
    return rheo::translated(doing, "take --dtype bfloat16, a smaller --batch or shorter prompts, ", function);
}

/// Whose threads are set for one call: where products fall to BLAS, its own too.
ThreadsOf threadsOfProducts() {
    return kernels::hasOneDnn() ? ThreadsOf::Torch : ThreadsOf::TorchAndBlas;
}

std::string readableBytes(std::int64_t bytes) {
    const double mib = static_cast<double>(bytes) / (1024 * 1024);
    return mib < 1024 ? fmt::format("{:.0f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
}

/// Whether the weights are to be streamed. Throws Error(OutOfMemory) where what was chosen does not fit.
bool chooseStream(const Checkpoint& checkpoint, const ModelOptions& options) {
    const bool asked = options.weights == WeightPlace::Stream;
    constexpr auto unknown = std::numeric_limits<std::int64_t>::max();
    const std::int64_t available = options.device == "cpu" ? availableMemory().value_or(unknown) : unknown;
    const MemoryForecast forecast = checkpoint.forecast(options.dtype, 1, 1);
    if (!asked && forecast.peakLoadBytes <= available) return false;
    const bool mayStream = options.weights != WeightPlace::Memory;
    if (mayStream && forecast.streamBytes <= available) return true;
    throw Error(
        ErrorCode::OutOfMemory,
        fmt::format("{} as {} ({} parameters) needs {} in memory, and {} with streamed weights; {} are "
                    "available: {}{}free memory, or choose a smaller model",
                    checkpoint.folder().string(), dtypeName(options.dtype), forecast.parameters,
                    readableBytes(forecast.peakLoadBytes), readableBytes(forecast.streamBytes),
                    readableBytes(available), mayStream ? "" : "use --weights stream, ",
                    options.dtype == DType::Float32 ? "use --dtype bfloat16, " : ""),
        checkpoint.folder().string());
}

class TorchContext : public PromptContext {
public:
    const std::vector<std::int32_t>& ids() const override { return m_ids; }

    const void* model = nullptr;  ///< which model made it
    std::vector<std::int32_t> m_ids;
    KeyValueCache cache;
    std::vector<at::Tensor> states;  ///< [point] of [token, unit], compute dtype
};

/// RowStepProducts for what knows no tensors.
class StepProducts : public LinearMap {
public:
    StepProducts(RowStep step, const at::Tensor& state, int threads)
        : m_step(std::move(step)), m_products(m_step, state), m_device(state.device()), m_threads(threads) {
        m_units = state.numel();
    }
    Eigen::Index size() const override { return m_units; }
    MatrixD times(const MatrixD& vectors) const override { return each(&RowStepProducts::times, vectors); }
    MatrixD transposedTimes(const MatrixD& vectors) const override {
        return each(&RowStepProducts::transposedTimes, vectors);
    }

private:
    static constexpr Eigen::Index vectorsAtOnce = 128;

    MatrixD each(at::Tensor (RowStepProducts::*product)(const at::Tensor&) const,
                 const MatrixD& vectors) const {
        MatrixD found(vectors.rows(), m_units);
        translated("the derivative of a step", [&] {
            const ThreadScope threads(m_threads, threadsOfProducts());
            for (Eigen::Index first = 0; first < vectors.rows(); first += vectorsAtOnce) {
                const Eigen::Index count = std::min(vectorsAtOnce, vectors.rows() - first);
                at::Tensor some = at::empty({count, m_units}, at::kDouble);
                Eigen::Map<MatrixD>(some.data_ptr<double>(), count, m_units) =
                    vectors.middleRows(first, count);
                const at::Tensor made = (m_products.*product)(some.to(m_device)).to(at::kCPU).contiguous();
                found.middleRows(first, count) =
                    Eigen::Map<const MatrixD>(made.data_ptr<double>(), count, m_units);
            }
        });
        return found;
    }

    RowStep m_step;
    RowStepProducts m_products;
    at::Device m_device;
    int m_threads;
    Eigen::Index m_units = 0;
};

double largestProduct(const ModelConfig& config) {
    const std::int64_t widest = std::max(widestHidden(config) * (config.gatedMlp ? 2 : 1),
                                         (config.heads + 2 * config.kvHeads) * config.headDim);
    return 2.0 * static_cast<double>(config.dModel) * static_cast<double>(widest);
}

/// Progress of several runs at once, as the share of points that all of them have passed.
class SharedProgress {
public:
    SharedProgress(Progress& progress, double total) : m_progress(progress), m_total(total) {}
    void advance(double rows) {
        const std::lock_guard lock(m_mutex);
        m_done += rows;
        m_progress.report(m_done, m_total);
    }

private:
    Progress& m_progress;
    double m_total;
    double m_done = 0;
    std::mutex m_mutex;
};

/// Prompts of a request packed one after another.
struct PackedPrompts {
    std::vector<std::int64_t> ids;
    std::vector<std::int64_t> lengths;  ///< [prompt]
    std::vector<std::int64_t> wanted;   ///< of the packed tokens, those at the positions asked for
};

PackedPrompts packPrompts(const ForwardRequest& request, std::int64_t from, std::int64_t to) {
    PackedPrompts packed;
    for (auto prompt = static_cast<std::size_t>(from); prompt < static_cast<std::size_t>(to); ++prompt) {
        for (const std::int32_t position : request.positions[prompt])
            packed.wanted.push_back(static_cast<std::int64_t>(packed.ids.size()) + position);
        packed.ids.insert(packed.ids.end(), request.ids[prompt].begin(), request.ids[prompt].end());
        packed.lengths.push_back(static_cast<std::int64_t>(request.ids[prompt].size()));
    }
    return packed;
}

/// Rows of packed sequences, the first token of each at position `start`, that edits change: `edits(i)` is
/// the list of sequence i. The edits must outlive what is returned.
template <class Edits>
std::vector<RowEdit> rowEdits(const Edits& edits, const std::vector<std::int64_t>& lengths,
                              std::int64_t start) {
    std::vector<RowEdit> all;
    std::int64_t first = 0;
    for (std::size_t sequence = 0; sequence < lengths.size(); ++sequence) {
        const std::int64_t end = start + lengths[sequence];
        for (const StateEdit& edit : edits(sequence)) {
            RowEdit rows{&edit, {}};
            for (const TokenSpan& span : edit.tokens)
                for (auto t = std::max(span.first, start); t < std::min(span.end, end); ++t)
                    rows.rows.push_back(first + t - start);
            std::sort(rows.rows.begin(), rows.rows.end());
            rows.rows.erase(std::unique(rows.rows.begin(), rows.rows.end()), rows.rows.end());
            if (!rows.rows.empty()) all.push_back(std::move(rows));
        }
        first += lengths[sequence];
    }
    return all;
}

class TorchModel : public Model {
public:
    TorchModel(std::shared_ptr<const Checkpoint> checkpoint, const ModelOptions& options, at::Device device,
               Progress& progress)
        : m_checkpoint(std::move(checkpoint)),
          m_options(options),
          m_threads(resolveThreads(options.threads)),
          m_points(residualPoints(static_cast<int>(m_checkpoint->config().layers),
                                  m_checkpoint->config().parallelBlocks)),
          m_workPerRow(largestProduct(m_checkpoint->config())),
          m_stack(load(device, chooseStream(*m_checkpoint, options), progress)) {
        m_checkpoint->requireUnwritten();
        if (m_stack.streams()) m_streamed = measureStream();
        m_identity = m_checkpoint->identity(options.dtype, options.untrainedSeed);
    }

    const ModelConfig& config() const override { return m_checkpoint->config(); }
    const ModelOptions& options() const override { return m_options; }
    const ModelIdentity& identity() const override { return m_identity; }
    const std::vector<ResidualPoint>& points() const override { return m_points; }
    std::optional<Streamed> streamed() const override { return m_streamed; }

    ForwardResult forward(const ForwardRequest& request, Progress& progress) const override;
    MatrixF logits(std::span<const std::int32_t> ids, Progress& progress) const override;
    MatrixF unembed(const MatrixF& states, Progress& progress) const override;
    FinalNorm finalNorm() const override { return m_stack.finalNorm(); }
    UnembeddingRow unembeddingRow(std::int32_t id) const override;
    std::vector<std::int32_t> generate(const GenerateRequest& request, Progress& progress) const override;
    std::shared_ptr<const PromptContext> prepare(std::span<const std::int32_t> ids,
                                                 Progress& progress) const override;
    VectorF naturalState(const PromptContext& context, PointIndex point, int token) const override;
    MatrixD stepJacobian(const PromptContext& context, PointIndex point, int token, bool alone,
                         Progress& progress) const override;
    std::unique_ptr<LinearMap> stepProducts(const PromptContext& context, PointIndex point, int token,
                                            bool alone) const override;
    Continuation continueFrom(const PromptContext& context, const ContinueRequest& request,
                              Progress& progress) const override;

private:
    /// What libtorch keeps per thread, set for one call.
    struct Call {
        explicit Call(int count) : threads(count, threadsOfProducts()) {}
        ThreadScope threads;
        c10::InferenceMode inference;
    };

    /// Threads worth waking for each matrix product of `rows` rows: waking and waiting costs more than a
    /// small product, and much more on a busy machine. However few the rows, weights beyond the cache of a
    /// core are read faster by several.
    int threadsFor(std::int64_t rows) const {
        constexpr double operations = 5e7;
        constexpr double weights = 1 << 20;
        const bool worth =
            static_cast<double>(rows) * m_workPerRow >= operations || m_workPerRow / 2 >= weights;
        return worth ? m_threads : 1;
    }

    /// Sequences that run as one batch: numbers from .. to - 1.
    struct Part {
        std::int64_t from, to;
    };
    /// Parts that run side by side, each on a thread of its own; one alone has `threads` of libtorch.
    struct Batch {
        std::vector<Part> parts;
        int threads = 1;
    };

    /// Splits the sequences from .. to - 1 into parts of neighbours: `weight(i)` rows each. One part where
    /// there is too little to do.
    template <class Weight>
    Batch splitBatch(std::int64_t from, std::int64_t to, const Weight& weight) const {
        std::int64_t rows = 0;
        for (std::int64_t i = from; i < to; ++i) rows += weight(i);
        // A part of a few rows reads the same weights as one of many.
        const std::int64_t parts = std::min<std::int64_t>(
            {m_stack.device().is_cpu() ? m_threads : 1, to - from, std::max<std::int64_t>(1, rows / 16)});
        if (parts <= 1) return {{{from, to}}, threadsFor(rows)};
        Batch batch;
        std::int64_t sum = 0, begin = from;
        for (std::int64_t i = from; i < to; ++i) {
            sum += weight(i);
            const auto done = std::ssize(batch.parts);
            if (i + 1 < to && (done + 1 >= parts || sum * parts < rows * (done + 1))) continue;
            batch.parts.push_back({begin, i + 1});
            begin = i + 1;
        }
        return batch;
    }

    /// Calls `run(index)` for each part of a batch.
    template <class Run>
    void eachPart(const Batch& batch, const Progress& progress, const Run& run) const {
        if (batch.parts.size() == 1) {
            const Call call(batch.threads);
            run(std::size_t{0});
            return;
        }
        parallelFor(std::ssize(batch.parts), 1, m_threads, progress, [&](std::int64_t index, std::int64_t) {
            const Call call(1);
            run(static_cast<std::size_t>(index));
        });
    }

    /// A pass over the sequences of a part, and what happens to the state that it ends with.
    class PartRun {
    public:
        PartRun(ForwardPass pass, std::function<void(const at::Tensor&)> finish)
            : m_pass(std::move(pass)), m_finish(std::move(finish)) {}
        void begin(const BlockStack& stack, const Progress& progress) {
            m_run.emplace(stack, m_pass, progress);
        }
        const ForwardPass& pass() const { return m_pass; }
        void through(const BlockWeights& weights) { m_run->through(weights); }
        void finish() {
            m_finish(m_run->result());
            m_run.reset();
        }

    private:
        ForwardPass m_pass;
        std::function<void(const at::Tensor&)> m_finish;
        std::optional<BlockStack::Run> m_run;
    };

    /// Runs batches: `make(part)` prepares each part (none where it returns nothing). Weights in memory: one
    /// part after another, from its first block to its last. Streamed ones: one block after another, and all
    /// parts through each. A part is computed alike either way.
    void runBatches(const std::vector<Batch>& batches,
                    const std::function<std::unique_ptr<PartRun>(const Part&)>& make,
                    const Progress& progress) const {
        if (m_stack.streams()) {
            streamBatches(batches, make, progress);
        } else {
            for (const Batch& batch : batches)
                eachPart(batch, progress, [&](std::size_t part) {
                    const auto run = make(batch.parts[part]);
                    if (run == nullptr) return;
                    run->begin(m_stack, progress);
                    for (auto layer = m_stack.firstBlock(run->pass()); layer < m_stack.endBlock(run->pass());
                         ++layer)
                        run->through(*m_stack.block(layer));
                    run->finish();
                });
        }
        requireUnwritten();
    }

    void streamBatches(const std::vector<Batch>& batches,
                       const std::function<std::unique_ptr<PartRun>(const Part&)>& make,
                       const Progress& progress) const;

    BlockStack load(at::Device device, bool stream, Progress& progress) const {
        // Converting small tensors is not worth waking threads for.
        const bool large = m_checkpoint->forecast(m_options.dtype, 1, 1).parameters > 100'000'000;
        const Call call(large ? m_threads : 1);
        return translated("loading the model", [&] {
            const WeightsTask task{*m_checkpoint, device, scalarType(m_options.dtype),
                                   m_options.untrainedSeed, m_threads};
            return BlockStack(m_checkpoint->config(), loadWeights(task, stream, progress), device,
                              scalarType(m_options.dtype));
        });
    }

    /// After weights were used that lie in files, mapped or streamed.
    void requireUnwritten() const {
        if (m_stack.readsFiles()) m_checkpoint->requireUnwritten();
    }

    /// Reads two blocks: the first time, memory is met that was not touched before.
    Streamed measureStream() const {
        const Call call(m_threads);
        double seconds = 0;
        for (const std::int64_t layer : {config().layers - 1, std::int64_t{0}}) {
            const auto started = std::chrono::steady_clock::now();
            translated("loading the model", [&] { m_stack.block(layer); });
            seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
        }
        requireUnwritten();
        return {m_checkpoint->blockBytes(), seconds * static_cast<double>(config().layers)};
    }

    std::int64_t lastPoint() const { return static_cast<std::int64_t>(m_points.size()) - 1; }

    void checkIds(std::span<const std::int32_t> ids) const {
        if (ids.empty()) throw Error(ErrorCode::InvalidArgument, "a prompt has no tokens");
        if (static_cast<std::int64_t>(ids.size()) > config().maxPositions)
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("a prompt has {} tokens, and the model has positions for {}; shorten it",
                                    ids.size(), config().maxPositions));
        for (std::size_t i = 0; i < ids.size(); ++i)
            if (ids[i] < 0 || ids[i] >= config().vocabulary)
                throw Error(ErrorCode::InvalidArgument,
                            fmt::format("token id {} at position {} is not in the vocabulary of {}", ids[i],
                                        i, config().vocabulary));
    }

    /// That a step follows the point as well.
    std::int64_t checkStep(PointIndex point) const;
    std::int64_t checkPoint(PointIndex point) const {
        if (point.value() < 0 || point.value() > lastPoint())
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("there is no residual point {}: the model has {}, from 0", point.value(),
                                    m_points.size()));
        return point.value();
    }

    const TorchContext& own(const PromptContext& context) const {
        const auto* mine = dynamic_cast<const TorchContext*>(&context);
        if (mine == nullptr || mine->model != this)
            throw Error(ErrorCode::Mismatch, "this prompt was prepared by another model; prepare it again");
        return *mine;
    }

    std::int64_t checkToken(const TorchContext& context, int token) const {
        if (token < 0 || static_cast<std::size_t>(token) >= context.ids().size())
            throw Error(
                ErrorCode::InvalidArgument,
                fmt::format("there is no token {}: the prompt has {}, from 0", token, context.ids().size()));
        return token;
    }

    std::int64_t lastPointOf(const ForwardRequest& request) const {
        return request.lastPoint ? checkPoint(*request.lastPoint) : lastPoint();
    }

    void checkEdits(const std::vector<StateEdit>& edits) const {
        for (const StateEdit& edit : edits)
            checkEdit(edit, static_cast<std::int64_t>(m_points.size()), config().dModel);
    }

    void checkPrompts(const ForwardRequest& request) const;
    void checkContinue(const ContinueRequest& request) const;
    std::unique_ptr<PartRun> continuePart(const TorchContext& prompt, const ContinueRequest& request,
                                          const Part& part, Continuation& result, SharedProgress& shared,
                                          const Progress& progress) const;
    std::unique_ptr<PartRun> forwardPart(const ForwardRequest& request, const Part& part,
                                         std::int64_t firstRow, ForwardResult& result, SharedProgress& shared,
                                         const Progress& progress) const;

    at::Tensor embedded(std::span<const std::int32_t> ids, std::int64_t start) const {
        const std::vector<std::int64_t> wide(ids.begin(), ids.end());
        return m_stack.embed(at::tensor(wide, at::kLong), start, {static_cast<std::int64_t>(ids.size())});
    }

    std::shared_ptr<const Checkpoint> m_checkpoint;
    ModelOptions m_options;
    int m_threads;
    std::vector<ResidualPoint> m_points;
    double m_workPerRow;  ///< floating-point operations of the largest matrix product in a block
    BlockStack m_stack;
    std::optional<Streamed> m_streamed;
    ModelIdentity m_identity;
};

void TorchModel::streamBatches(const std::vector<Batch>& batches,
                               const std::function<std::unique_ptr<PartRun>(const Part&)>& make,
                               const Progress& progress) const {
    std::vector<std::vector<std::unique_ptr<PartRun>>> runs;
    const auto eachRun = [&](const std::function<void(PartRun&)>& act) {
        for (std::size_t i = 0; i < batches.size(); ++i)
            eachPart(batches[i], progress, [&](std::size_t part) {
                if (runs[i][part] != nullptr) act(*runs[i][part]);
            });
    };
    for (const Batch& batch : batches) {
        auto& made = runs.emplace_back();
        // Here, not side by side: rows of the embedding are read.
        for (const Part& part : batch.parts) {
            const Call call(batch.parts.size() == 1 ? batch.threads : 1);
            made.push_back(make(part));
        }
    }
    std::int64_t first = config().layers, end = 0;
    for (const auto& made : runs)
        for (const auto& run : made)
            if (run != nullptr) {
                first = std::min(first, m_stack.firstBlock(run->pass()));
                end = std::max(end, m_stack.endBlock(run->pass()));
            }
    eachRun([&](PartRun& run) { run.begin(m_stack, progress); });
    for (std::int64_t layer = first; layer < end; ++layer) {
        progress.check();
        const auto weights = [&] {
            const Call call(m_threads);
            return m_stack.block(layer);
        }();
        eachRun([&](PartRun& run) { run.through(*weights); });
    }
    for (std::size_t i = 0; i < batches.size(); ++i)
        for (auto& run : runs[i]) {
            const Call call(batches[i].parts.size() == 1 ? batches[i].threads : 1);
            if (run != nullptr) run->finish();
            run.reset();
        }
}

/// Rows of `tensor` (all, or those of `index`) as float32, one after another on the CPU.
at::Tensor hostRows(const at::Tensor& tensor, const at::Tensor* index) {
    return (index != nullptr ? tensor.index_select(0, *index) : tensor).to(at::kCPU, at::kFloat).contiguous();
}

/// First row of each prompt in the result, and after them the number of rows.
std::vector<std::int64_t> firstRowsOf(const ForwardRequest& request) {
    std::vector<std::int64_t> rows{0};
    for (const auto& positions : request.positions)
        rows.push_back(rows.back() + static_cast<std::int64_t>(positions.size()));
    return rows;
}

/// Copies rows [row, unit] of `tensor` to rows firstRow .. of `out` [row, slot, unit].
void copyRows(const at::Tensor& tensor, Array3F& out, std::int64_t firstRow, std::int64_t slot) {
    const float* values = tensor.data_ptr<float>();
    const std::int64_t units = tensor.size(1);
    for (std::int64_t row = 0; row < tensor.size(0); ++row)
        std::copy_n(values + row * units, units, out.at(firstRow + row, slot));
}

void TorchModel::checkPrompts(const ForwardRequest& request) const {
    if (request.ids.empty()) throw Error(ErrorCode::InvalidArgument, "no prompt is given");
    if (request.positions.size() != request.ids.size())
        throw Error(ErrorCode::InvalidArgument, fmt::format("{} prompts are given, and positions for {}",
                                                            request.ids.size(), request.positions.size()));
    if (!request.edits.empty() && request.edits.size() != request.ids.size())
        throw Error(ErrorCode::InvalidArgument, fmt::format("{} prompts are given, and edits for {}",
                                                            request.ids.size(), request.edits.size()));
    for (const auto& edits : request.edits) checkEdits(edits);
    for (std::size_t prompt = 0; prompt < request.ids.size(); ++prompt) {
        checkIds(request.ids[prompt]);
        std::int32_t before = -1;
        for (const std::int32_t position : request.positions[prompt]) {
            if (position <= before || static_cast<std::size_t>(position) >= request.ids[prompt].size())
                throw Error(ErrorCode::InvalidArgument,
                            fmt::format("position {} of prompt {} is not one of its {} tokens, in ascending "
                                        "order",
                                        position, prompt, request.ids[prompt].size()));
            before = position;
        }
    }
}

void checkBatches(const ForwardRequest& request) {
    std::int64_t before = 0;
    for (const std::int64_t end : request.batchEnds)
        if (end <= std::exchange(before, end))
            throw Error(ErrorCode::InvalidArgument, "the ends of batches are not in ascending order");
    if (!request.batchEnds.empty() && before != std::ssize(request.ids))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("batches end at prompt {}, and there are {}", before, request.ids.size()));
}

/// A pass over the prompts of a part, whose rows of `result` are `firstRow` and those after it; null where
/// none is wanted.
std::unique_ptr<TorchModel::PartRun> TorchModel::forwardPart(const ForwardRequest& request, const Part& part,
                                                             std::int64_t firstRow, ForwardResult& result,
                                                             SharedProgress& shared,
                                                             const Progress& progress) const {
    const PackedPrompts packed = packPrompts(request, part.from, part.to);
    if (packed.wanted.empty()) return nullptr;
    const auto first = static_cast<std::int64_t>(request.firstPoint.value());
    const std::int64_t last = lastPointOf(request);
    const bool all = packed.wanted.size() == packed.ids.size();
    const at::Tensor wanted = all ? at::Tensor() : at::tensor(packed.wanted, at::kLong).to(m_stack.device());
    const auto keep = [wanted, firstRow](const at::Tensor& tensor, bool wantedOnly, Array3F& out,
                                         std::int64_t slot) {
        copyRows(hostRows(tensor, wantedOnly || !wanted.defined() ? nullptr : &wanted), out, firstRow, slot);
    };
    ForwardPass pass;
    pass.lengths = packed.lengths;
    pass.state = m_stack.embed(at::tensor(packed.ids, at::kLong), 0, pass.lengths);
    pass.lastPoint = request.logits ? lastPoint() : last;
    if (!all) pass.wanted = packed.wanted;
    if (!request.edits.empty())
        pass.edits = rowEdits(
            [&](std::size_t i) -> const auto& {
                return request.edits[static_cast<std::size_t>(part.from) + i];
            },
            pass.lengths, 0);
    const auto tokens = static_cast<double>(packed.ids.size());
    pass.onPoint = [&, keep, first, last, tokens](std::int64_t point, const at::Tensor& state,
                                                  bool wantedOnly) {
        shared.advance(tokens);
        if (request.states && point >= first && point <= last)
            keep(state, wantedOnly, result.states, point - first);
    };
    if (request.writes)
        pass.onWrite = [&, keep, first, last](std::int64_t point, const at::Tensor& write, bool wantedOnly) {
            if (point >= first && point < last) keep(write, wantedOnly, result.writes, point - first);
        };
    if (request.routing)
        pass.onRouting = [&, keep](std::int64_t block, const at::Tensor& probabilities, bool wantedOnly) {
            keep(probabilities, wantedOnly, result.routing, block);
        };
    return std::make_unique<PartRun>(std::move(pass), [&, firstRow](const at::Tensor& state) {
        if (request.logits)
            m_stack.unembed(state, result.logits.data() + firstRow * result.logits.cols(), progress);
    });
}

ForwardResult TorchModel::forward(const ForwardRequest& request, Progress& progress) const {
    checkPrompts(request);
    checkBatches(request);
    const std::int64_t first = checkPoint(request.firstPoint);
    const std::int64_t last = lastPointOf(request);
    if (last < first) throw Error(ErrorCode::InvalidArgument, "the last point is before the first");
    if (request.routing && !config().experts)
        throw Error(ErrorCode::InvalidArgument, "the model has no experts, and their routing is asked for");
    return translated("running the model", [&]() -> ForwardResult {
        ForwardResult result;
        const std::vector<std::int64_t> firstRows = firstRowsOf(request);
        const std::int64_t rows = firstRows.back(), units = config().dModel;
        if (request.states) result.states = Array3F(rows, last - first + 1, units);
        if (request.writes) result.writes = Array3F(rows, last - first, units);
        if (request.logits) result.logits.resize(rows, config().vocabulary);
        if (request.routing) {
            result.routing = Array3F(rows, config().layers, config().experts->count);
            std::fill(result.routing.data.begin(), result.routing.data.end(),
                      std::numeric_limits<float>::quiet_NaN());
        }
        if (!request.states && !request.writes && !request.logits && !request.routing) return result;

        const auto tokensOf = [&](std::int64_t prompt) {
            return static_cast<std::int64_t>(request.ids[static_cast<std::size_t>(prompt)].size());
        };
        const auto prompts = static_cast<std::int64_t>(request.ids.size());
        std::int64_t tokens = 0;
        for (std::int64_t prompt = 0; prompt < prompts; ++prompt) tokens += tokensOf(prompt);
        const std::int64_t end = request.logits ? lastPoint() : last;
        SharedProgress shared(progress, static_cast<double>(tokens) * static_cast<double>(end + 1));
        std::vector<Batch> batches;
        if (request.batchEnds.empty()) batches.push_back(splitBatch(0, prompts, tokensOf));
        for (std::int64_t from = 0; const std::int64_t to : request.batchEnds)
            batches.push_back(splitBatch(std::exchange(from, to), to, tokensOf));
        const auto make = [&](const Part& part) {
            return forwardPart(request, part, firstRows[static_cast<std::size_t>(part.from)], result, shared,
                               progress);
        };
        runBatches(batches, make, progress);
        progress.report(1, 1);
        return result;
    });
}

MatrixF TorchModel::logits(std::span<const std::int32_t> ids, Progress& progress) const {
    ForwardRequest request;
    request.ids = {{ids.begin(), ids.end()}};
    request.positions.emplace_back(ids.size());
    std::iota(request.positions[0].begin(), request.positions[0].end(), 0);
    request.states = false;
    request.logits = true;
    return forward(request, progress).logits;
}

MatrixF TorchModel::unembed(const MatrixF& states, Progress& progress) const {
    if (states.cols() != config().dModel)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("states of width {} are given, and those of the model have {}", states.cols(),
                                config().dModel));
    return translated("unembedding states", [&] {
        MatrixF logits(states.rows(), config().vocabulary);
        if (states.rows() == 0) return logits;
        const Call call(threadsFor(states.rows()));
        // Only read: libtorch has no view of memory that may not be written.
        const at::Tensor given =
            at::from_blob(const_cast<float*>(states.data()), {states.rows(), states.cols()}, at::kFloat);
        m_stack.unembed(given.to(m_stack.device(), m_stack.dtype()), logits.data(), progress);
        return logits;
    });
}

UnembeddingRow TorchModel::unembeddingRow(std::int32_t id) const {
    if (id < 0 || id >= config().vocabulary)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("token id {} is not in the vocabulary of {}", id, config().vocabulary));
    return translated("reading the unembedding", [&] {
        const Call call(1);
        return m_stack.unembeddingRow(id);
    });
}

std::vector<std::int32_t> TorchModel::generate(const GenerateRequest& request, Progress& progress) const {
    checkIds(request.ids);
    checkEdits(request.edits);
    checkSampling(request.sampling);
    if (request.count < 0)
        throw Error(ErrorCode::InvalidArgument, "a negative number of tokens is asked for");
    const auto total = static_cast<std::int64_t>(request.ids.size()) + request.count;
    if (total > config().maxPositions)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} tokens and {} more are asked for, and the model has positions for {}",
                                request.ids.size(), request.count, config().maxPositions));
    return translated("running the model", [&] {
        std::vector<std::int32_t> sequence = request.ids;
        KeyValueCache cache;
        {
            const Call call(1);
            cache = m_stack.makeCache(request.useCache ? total : 0);
        }
        RandomStream random(request.sampling.seed, 0);
        std::int64_t cached = 0;
        VectorF scores(config().vocabulary);
        for (int step = 0; step < request.count; ++step) {
            const auto length = static_cast<std::int64_t>(sequence.size());
            // Where frequencies depend on the length, keys made for a shorter sequence are of no use.
            for (const RopeConfig& rope : config().ropes)
                if (frequencySet(rope, cached) != frequencySet(rope, length)) cached = 0;
            if (!request.useCache) cached = 0;
            const Call call(threadsFor(length - cached));
            ForwardPass pass;
            pass.start = cached;
            pass.lengths = {length - cached};
            pass.state = embedded(std::span(sequence).subspan(static_cast<std::size_t>(cached)), cached);
            pass.edits = rowEdits(
                [&](std::size_t) -> const auto& { return request.edits; }, pass.lengths, cached);
            pass.before = &cache;
            if (request.useCache) pass.store = &cache;
            pass.lastPoint = lastPoint();
            if (length - cached > 1) pass.wanted = {length - cached - 1};
            m_stack.unembed(m_stack.run(pass, progress), scores.data(), progress);
            cached = length;
            sequence.push_back(chooseToken(scores, request.sampling, random));
            if (request.onToken) request.onToken(sequence.back());
            progress.report(step + 1, request.count);
        }
        sequence.erase(sequence.begin(), sequence.begin() + static_cast<std::ptrdiff_t>(request.ids.size()));
        return sequence;
    });
}

std::shared_ptr<const PromptContext> TorchModel::prepare(std::span<const std::int32_t> ids,
                                                         Progress& progress) const {
    checkIds(ids);
    return translated("running the prompt", [&] {
        const Call call(threadsFor(static_cast<std::int64_t>(ids.size())));
        auto context = std::make_shared<TorchContext>();
        context->model = this;
        context->m_ids.assign(ids.begin(), ids.end());
        context->cache = m_stack.makeCache(static_cast<std::int64_t>(ids.size()));
        ForwardPass pass;
        pass.lengths = {static_cast<std::int64_t>(ids.size())};
        pass.state = embedded(ids, 0);
        pass.store = &context->cache;
        pass.lastPoint = lastPoint();
        pass.onPoint = [&](std::int64_t point, const at::Tensor& state, bool) {
            progress.report(static_cast<double>(point), static_cast<double>(lastPoint()));
            context->states.push_back(state);
        };
        m_stack.run(pass, progress);
        return std::shared_ptr<const PromptContext>(std::move(context));
    });
}

VectorF TorchModel::naturalState(const PromptContext& context, PointIndex point, int token) const {
    const TorchContext& prompt = own(context);
    const std::int64_t p = checkPoint(point);
    const std::int64_t t = checkToken(prompt, token);
    return translated("reading a state", [&]() -> VectorF {
        const Call call(1);
        const at::Tensor row = hostRows(prompt.states[static_cast<std::size_t>(p)].narrow(0, t, 1), nullptr);
        return Eigen::Map<const VectorF>(row.data_ptr<float>(), config().dModel);
    });
}

std::int64_t TorchModel::checkStep(PointIndex point) const {
    const std::int64_t p = checkPoint(point);
    if (p == lastPoint())
        throw Error(ErrorCode::InvalidArgument, "no step follows the final point: it has no derivative");
    return p;
}

MatrixD TorchModel::stepJacobian(const PromptContext& context, PointIndex point, int token, bool alone,
                                 Progress& progress) const {
    const TorchContext& prompt = own(context);
    const std::int64_t p = checkStep(point), t = checkToken(prompt, token);
    return translated("the derivative of a step", [&] {
        // Not in inference mode, which keeps no derivatives.
        const ThreadScope threads(m_threads, threadsOfProducts());
        const at::Tensor state = prompt.states[static_cast<std::size_t>(p)].narrow(0, t, 1);
        const auto tokens = static_cast<std::int64_t>(prompt.ids().size());
        const at::Tensor found = m_stack
                                     .stepJacobian(p, state, alone ? nullptr : &prompt.cache, alone ? 0 : t,
                                                   alone ? 1 : tokens, progress)
                                     .to(at::kCPU)
                                     .contiguous();
        requireUnwritten();
        return MatrixD(Eigen::Map<const MatrixD>(found.data_ptr<double>(), config().dModel, config().dModel));
    });
}

std::unique_ptr<LinearMap> TorchModel::stepProducts(const PromptContext& context, PointIndex point, int token,
                                                    bool alone) const {
    const TorchContext& prompt = own(context);
    const std::int64_t p = checkStep(point), t = checkToken(prompt, token);
    return translated("the derivative of a step", [&] {
        const ThreadScope threads(m_threads, threadsOfProducts());
        const at::Tensor state = prompt.states[static_cast<std::size_t>(p)].narrow(0, t, 1);
        const auto tokens = static_cast<std::int64_t>(prompt.ids().size());
        auto products = std::make_unique<StepProducts>(
            m_stack.rowStep(p, alone ? nullptr : &prompt.cache, alone ? 0 : t, alone ? 1 : tokens),
            state.to(m_stack.device(), at::kDouble), m_threads);
        requireUnwritten();
        return products;
    });
}

void TorchModel::checkContinue(const ContinueRequest& request) const {
    if (request.edits.empty())
        throw Error(ErrorCode::InvalidArgument, "no list of edits is given: nothing is to be run");
    for (const auto& edits : request.edits) {
        checkEdits(edits);
        for (const StateEdit& edit : edits)
            for (const TokenSpan& span : edit.tokens)
                if (edit.point < request.point || span.first < request.token)
                    throw Error(
                        ErrorCode::InvalidArgument,
                        fmt::format("an edit at token {} and point {} is before those the run starts "
                                    "from, token {} and point {}",
                                    span.first, edit.point.value(), request.token, request.point.value()));
    }
}

/// A pass over the lists of edits of a part.
std::unique_ptr<TorchModel::PartRun> TorchModel::continuePart(const TorchContext& prompt,
                                                              const ContinueRequest& request,
                                                              const Part& part, Continuation& result,
                                                              SharedProgress& shared,
                                                              const Progress& progress) const {
    const std::int64_t p = request.point.value(), units = config().dModel, from = part.from,
                       some = part.to - part.from;
    const std::int64_t tokens = static_cast<std::int64_t>(prompt.ids().size()) - request.token;
    const at::Tensor natural = prompt.states[static_cast<std::size_t>(p)].narrow(0, request.token, tokens);
    ForwardPass pass;
    pass.state = natural.unsqueeze(0).expand({some, tokens, units}).reshape({some * tokens, units});
    pass.lengths.assign(static_cast<std::size_t>(some), tokens);
    pass.start = request.token;
    pass.before = &prompt.cache;
    pass.firstPoint = p;
    pass.lastPoint = lastPoint();
    pass.edits = rowEdits(
        [&](std::size_t i) -> const auto& { return request.edits[static_cast<std::size_t>(from) + i]; },
        pass.lengths, pass.start);
    // All rows where states are wanted: the same bits whether or not logits are.
    const bool ends = !request.states && tokens > 1;
    if (ends)
        for (std::int64_t i = 0; i < some; ++i) pass.wanted.push_back((i + 1) * tokens - 1);
    pass.onPoint = [&, p, units, from, some, tokens](std::int64_t at, const at::Tensor& state, bool) {
        shared.advance(static_cast<double>(some));
        if (!request.states) return;
        const at::Tensor host = hostRows(state, nullptr);
        const float* values = host.data_ptr<float>();
        for (std::int64_t i = 0; i < some; ++i)
            for (std::int64_t row = 0; row < tokens; ++row)
                std::copy_n(values + (i * tokens + row) * units, units,
                            result.states[static_cast<std::size_t>(from + i)].at(row, at - p));
    };
    return std::make_unique<PartRun>(
        std::move(pass), [&, units, from, some, tokens, ends](const at::Tensor& states) {
            const at::Tensor state =
                ends ? states : states.view({some, tokens, units}).select(1, tokens - 1).contiguous();
            if (request.lastState)
                std::copy_n(hostRows(state, nullptr).data_ptr<float>(), some * units,
                            result.lastState.data() + from * units);
            if (request.logits)
                m_stack.unembed(state, result.logits.data() + from * result.logits.cols(), progress);
        });
}

Continuation TorchModel::continueFrom(const PromptContext& context, const ContinueRequest& request,
                                      Progress& progress) const {
    const TorchContext& prompt = own(context);
    const std::int64_t p = checkPoint(request.point);
    const std::int64_t tokens =
        static_cast<std::int64_t>(prompt.ids().size()) - checkToken(prompt, request.token);
    checkContinue(request);
    return translated("running edited states", [&] {
        const auto count = static_cast<std::int64_t>(request.edits.size());
        Continuation result;
        if (request.states) {
            result.states.reserve(static_cast<std::size_t>(count));
            for (std::int64_t i = 0; i < count; ++i)
                result.states.emplace_back(tokens, lastPoint() - p + 1, config().dModel);
        }
        if (request.lastState) result.lastState.resize(count, config().dModel);
        if (request.logits) result.logits.resize(count, config().vocabulary);
        SharedProgress shared(progress,
                              static_cast<double>(count) * static_cast<double>(lastPoint() - p + 1));
        const auto make = [&](const Part& part) {
            return continuePart(prompt, request, part, result, shared, progress);
        };
        runBatches({splitBatch(0, count, [&](std::int64_t) { return tokens; })}, make, progress);
        return result;
    });
}

}  // namespace

constexpr std::array<std::pair<std::string_view, WeightPlace>, 3> weightPlaces{
    {{"auto", WeightPlace::Automatic}, {"memory", WeightPlace::Memory}, {"stream", WeightPlace::Stream}}};

std::string_view weightPlaceName(WeightPlace place) {
    return std::find_if(weightPlaces.begin(), weightPlaces.end(),
                        [&](const auto& known) { return known.second == place; })
        ->first;
}

WeightPlace parseWeightPlace(std::string_view name) {
    for (const auto& [known, place] : weightPlaces)
        if (known == name) return place;
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("weights can be auto, memory or stream, and not '{}'", name.substr(0, 100)));
}

std::vector<std::int32_t> Model::greedy(std::span<const std::int32_t> ids, int count, bool useCache,
                                        Progress& progress) const {
    GenerateRequest request;
    request.ids.assign(ids.begin(), ids.end());
    request.count = count;
    request.useCache = useCache;
    return generate(request, progress);
}

Continuation Model::resume(const PromptContext& context, PointIndex point, int token, const MatrixF& states,
                           bool wantLogits, Progress& progress) const {
    ContinueRequest request;
    request.point = point;
    request.token = token;
    request.logits = wantLogits;
    for (Eigen::Index i = 0; i < states.rows(); ++i)
        request.edits.push_back({setState(point, token, states.row(i).transpose())});
    return continueFrom(context, request, progress);
}

MatrixD Model::stepJacobian(const PromptContext&, PointIndex, int, bool, Progress&) const {
    throw Error(ErrorCode::Unsupported, "this model has no derivatives");
}

std::unique_ptr<LinearMap> Model::stepProducts(const PromptContext&, PointIndex, int, bool) const {
    throw Error(ErrorCode::Unsupported, "this model has no derivatives");
}

std::shared_ptr<const Model> Model::load(std::shared_ptr<const Checkpoint> checkpoint,
                                         const ModelOptions& options, Progress& progress) {
    const at::Device device = translated("choosing the device", [&] { return parseDevice(options.device); });
    if (options.dtype == DType::Float16 && device.is_cpu())
        throw Error(ErrorCode::Unsupported,
                    "libtorch has no float16 matrix product on the CPU: use float32 or bfloat16 (a float16 "
                    "checkpoint loads as either)");
    if (!options.untrainedSeed && !checkpoint->weightsMissing().empty())
        throw Error(ErrorCode::NotFound, checkpoint->weightsMissing(), checkpoint->folder().string());
    return std::make_shared<TorchModel>(std::move(checkpoint), options, device, progress);
}

}  // namespace rheo

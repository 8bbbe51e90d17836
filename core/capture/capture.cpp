#include "core/capture/capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/capture/plan_part.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"

namespace rheo {

namespace {

/// Rows computed before they are written: large enough that batches of similar lengths can be found, small
/// enough that little is lost when the program is killed.
constexpr std::int64_t windowBytes = std::int64_t{64} << 20;

std::optional<std::int64_t> parseWhole(std::string_view digits) {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

std::int64_t rowValues(const CapturePlan& plan) {
    return static_cast<std::int64_t>(plan.info.points.size()) * plan.info.units;
}

/// The rows of one prompt: consecutive in the trace.
struct PromptRows {
    std::int32_t sample = 0;
    std::int64_t first = 0, count = 0;
};

std::vector<PromptRows> promptsOf(const std::vector<TraceRow>& rows) {
    std::vector<PromptRows> prompts;
    for (std::size_t n = 0; n < rows.size(); ++n) {
        if (prompts.empty() || prompts.back().sample != rows[n].sample)
            prompts.push_back({rows[n].sample, static_cast<std::int64_t>(n), 0});
        ++prompts.back().count;
    }
    return prompts;
}

/// Multiplications of a prompt of `tokens` tokens: those with the weights of the blocks, and those of
/// attention, which grow with the square. Relative to each other they say what a batch costs.
double promptCost(const ModelConfig& config, std::size_t tokens) {
    const auto n = static_cast<double>(tokens);
    const auto width = static_cast<double>(config.dModel);
    const auto heads = static_cast<double>(config.heads * config.headDim);
    const auto keys = static_cast<double>(config.kvHeads * config.headDim);
    const double mlp = static_cast<double>(hiddenUnits(config)) * (config.gatedMlp ? 3 : 2);
    return n * (width * (2 * heads + 2 * keys + mlp) + 2 * n * heads);
}

/// What a capture has done of what it has to do, in the unit of promptCost, and how long the rest will take.
/// The first batch is not timed: in it the program meets weights and memory that it has not touched before.
struct Meter {
    using Clock = std::chrono::steady_clock;
    double done = 0, total = 0;
    std::function<void(double secondsLeft)> forecast = {};  ///< called once
    std::function<void(const PromptRows&)> finished = {};   ///< its rows are in `out`
    std::function<void()> betweenBatches = {};
    double doneBefore = -1;  ///< before what is timed
    Clock::time_point started = {};

    void add(double cost) {
        done += cost;
        if (doneBefore >= 0) return;
        doneBefore = done;
        started = Clock::now();
    }
    /// After a batch or a write: calls the forecast once two seconds, or a twentieth of all, have been timed.
    void look() {
        const double timed = done - doneBefore;
        if (!forecast || doneBefore < 0 || timed <= 0) return;
        const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
        if (seconds < 2 && timed < total / 20) return;
        std::exchange(forecast, {})(seconds * (total - done) / timed);
    }
};
/// States that are not finite, by depth.
class NotFinite {
public:
    explicit NotFinite(const TraceInfo& info) : m_info(info), m_values(info.points.size(), 0) {}

    /// Rows of all points, [row, point, unit].
    void look(std::span<const float> states) {
        const auto units = static_cast<std::size_t>(m_info.units);
        for (std::size_t row = 0; row < states.size(); row += units * m_values.size()) {
            std::int64_t found = 0;
            for (std::size_t p = 0; p < m_values.size(); ++p) {
                const auto state = states.subspan(row + p * units, units);
                const auto bad =
                    std::count_if(state.begin(), state.end(), [](float x) { return !std::isfinite(x); });
                m_values[p] += bad;
                found += bad;
            }
            m_rows += found > 0 ? 1 : 0;
        }
    }

    /// A sentence for a person; empty if all are finite.
    std::string warning(std::int64_t rows) const {
        if (m_rows == 0) return {};
        std::vector<std::string> depths;
        for (std::size_t p = 0; p < m_values.size(); ++p)
            if (m_values[p] > 0)
                depths.push_back(fmt::format("{} at {}", m_values[p], pointName(m_info.points[p])));
        constexpr std::size_t shown = 6;
        const std::size_t more = depths.size() > shown ? depths.size() - shown : 0;
        depths.resize(depths.size() - more);
        return fmt::format(
            "values that are not finite: {}{}; statistics leave out the rows that hold one, {} of {}. "
            "Compute in "
            "float32 or bfloat16 if this was float16",
            fmt::join(depths, ", "), more > 0 ? fmt::format(", and at {} more points", more) : "", m_rows,
            rows);
    }

private:
    const TraceInfo& m_info;
    std::vector<std::int64_t> m_values;  ///< [point]
    std::int64_t m_rows = 0;
};

double costOf(const Model& model, const CapturePlan& plan, const PromptRows& prompt) {
    return promptCost(model.config(),
                      plan.info.samples[static_cast<std::size_t>(prompt.sample)].tokenIds.size());
}

/// Prompts whose rows are consecutive, and where they go: rows of `out` [row, point, unit].
struct Window {
    std::span<const PromptRows> prompts;
    float* out = nullptr;
};

/// Prompts that run as one.
struct Batch {
    std::vector<const PromptRows*> prompts;
    const Window* window = nullptr;
};

const std::vector<std::int32_t>& tokensOf(const CapturePlan& plan, const PromptRows& prompt) {
    return plan.info.samples[static_cast<std::size_t>(prompt.sample)].tokenIds;
}

/// Prompts of similar length share a batch, so that little is spent on padding.
void addBatches(const CapturePlan& plan, const Window& window, int batch, std::vector<Batch>& batches) {
    std::vector<const PromptRows*> order;
    for (const auto& prompt : window.prompts) order.push_back(&prompt);
    std::stable_sort(order.begin(), order.end(), [&](const PromptRows* a, const PromptRows* b) {
        return tokensOf(plan, *a).size() > tokensOf(plan, *b).size();
    });
    for (std::size_t at = 0; at < order.size(); at += static_cast<std::size_t>(batch)) {
        const std::size_t end = std::min(order.size(), at + static_cast<std::size_t>(batch));
        batches.push_back({{order.begin() + static_cast<std::ptrdiff_t>(at),
                            order.begin() + static_cast<std::ptrdiff_t>(end)},
                           &window});
    }
}

/// What a prompt holds while it is on its way through streamed blocks: its states twice (before and after a
/// step), and its rows twice (as the model gives them, and in their window).
std::int64_t streamedBytes(const Model& model, const CapturePlan& plan, const PromptRows& prompt) {
    const auto tokens = std::ssize(tokensOf(plan, prompt));
    return 2 * (tokens * plan.info.units * dtypeBytes(model.options().dtype) +
                prompt.count * rowValues(plan) * 4);
}

/// Bytes that a pass over streamed weights may hold: `asked`, or where that is 0 a quarter of what is
/// available, at most 4 GiB.
std::int64_t memoryOfPass(std::int64_t asked) {
    constexpr std::int64_t most = std::int64_t{4} << 30;
    return asked > 0 ? asked : std::min(most, availableMemory().value_or(most) / 4);
}

/// Runs batches with one request of the model, and brings their rows to their places.
void runTogether(const Model& model, const CapturePlan& plan, std::span<const Batch> batches, Meter& meter,
                 Progress& progress) {
    progress.check();
    double cost = 0;
    ForwardRequest request;
    request.firstPoint = plan.firstPoint;
    request.lastPoint = plan.lastPoint;
    for (const Batch& batch : batches) {
        for (const PromptRows* prompt : batch.prompts) {
            request.ids.push_back(tokensOf(plan, *prompt));
            auto& positions = request.positions.emplace_back();
            for (std::int64_t n = 0; n < prompt->count; ++n)
                positions.push_back(plan.info.rows[static_cast<std::size_t>(prompt->first + n)].position);
            cost += promptCost(model.config(), request.ids.back().size());
        }
        request.batchEnds.push_back(std::ssize(request.ids));
    }
    // One of many short requests counts as one step of progress.
    Progress own = cost >= meter.total ? progress
                   : batches.size() == 1
                       ? Progress(progress.stopToken())
                       : progress.part(meter.done / meter.total, (meter.done + cost) / meter.total);
    const ForwardResult result = model.forward(request, own);
    const auto values = static_cast<std::size_t>(rowValues(plan));
    const float* from = result.states.data.data();
    for (const Batch& batch : batches)
        for (const PromptRows* prompt : batch.prompts) {
            const auto size = static_cast<std::size_t>(prompt->count) * values;
            const auto row = static_cast<std::size_t>(prompt->first - batch.window->prompts.front().first);
            std::memcpy(batch.window->out + row * values, from, size * sizeof(float));
            from += size;
            if (meter.finished) meter.finished(*prompt);
        }
    meter.add(cost);
    progress.report(meter.done, meter.total);
    if (meter.betweenBatches) meter.betweenBatches();
    meter.look();
}

/// Runs the prompts of `windows`. With streamed weights as many batches share a pass over them as `memory`
/// bytes can hold; else each is a request of its own.
void runWindows(const Model& model, const CapturePlan& plan, std::span<const Window> windows, int batch,
                std::int64_t memory, Meter& meter, Progress& progress) {
    std::vector<Batch> batches;
    for (const Window& window : windows) addBatches(plan, window, batch, batches);
    const auto bytesOf = [&](const Batch& one) {
        std::int64_t bytes = 0;
        for (const PromptRows* prompt : one.prompts) bytes += streamedBytes(model, plan, *prompt);
        return bytes;
    };
    for (std::size_t at = 0, end = 0; at < batches.size(); at = end) {
        std::int64_t held = bytesOf(batches[end++]);
        while (model.streamed() && end < batches.size() && held + bytesOf(batches[end]) <= memory)
            held += bytesOf(batches[end++]);
        runTogether(model, plan, std::span(batches).subspan(at, end - at), meter, progress);
    }
}

/// A plan without samples and rows.
CapturePlan planOf(const Model& model, PointIndex firstPoint, PointIndex lastPoint, bool bfloat16) {
    const auto& points = model.points();
    if (firstPoint.value() < 0 || lastPoint < firstPoint ||
        lastPoint.value() >= static_cast<std::int64_t>(points.size()))
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("points {} to {} are asked for, and the model has 0 to {}",
                                firstPoint.value(), lastPoint.value(), points.size() - 1));
    CapturePlan plan;
    plan.firstPoint = firstPoint;
    plan.lastPoint = lastPoint;
    plan.info.points.assign(points.begin() + firstPoint.value(), points.begin() + lastPoint.value() + 1);
    plan.info.units = model.config().dModel;
    plan.info.model = model.identity();
    plan.info.bfloat16 = bfloat16;
    return plan;
}

}  // namespace

RowChoice parseRowChoice(const std::string& text) {
    if (text == "last") return {RowChoice::Kind::Last, 1};
    if (text == "all") return {RowChoice::Kind::All, 1};
    if (text.starts_with("stride:"))
        if (const auto stride = parseWhole(std::string_view(text).substr(7)); stride && *stride > 0)
            return {RowChoice::Kind::Stride, *stride};
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("rows '{}' are none of last, all, stride:K (K at least 1)", text));
}

Shard parseShard(const std::string& text) {
    const auto slash = text.find('/');
    if (slash != std::string::npos) {
        const auto index = parseWhole(std::string_view(text).substr(0, slash));
        const auto count = parseWhole(std::string_view(text).substr(slash + 1));
        if (index && count && *index >= 0 && *index < *count) return {*index, *count};
    }
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("shard '{}' is not i/n with i from 0 to n - 1", text));
}

CapturePlan planCapture(const Model& model, std::vector<Sample> samples, const RowChoice& choice,
                        PointIndex firstPoint, PointIndex lastPoint, const Shard& shard, bool bfloat16,
                        const RowSelection& selection, const TokenText& textOf) {
    CapturePlan plan = planOf(model, firstPoint, lastPoint, bfloat16);
    plan.info.samples = std::move(samples);

    for (std::size_t s = 0; s < plan.info.samples.size(); ++s) {
        const auto& ids = plan.info.samples[s].tokenIds;
        const auto count = static_cast<std::int64_t>(ids.size());
        for (std::int64_t t = choice.kind == RowChoice::Kind::Last ? count - 1 : 0; t < count;
             t += choice.stride)
            plan.info.rows.push_back({static_cast<std::int32_t>(s), static_cast<std::int32_t>(t),
                                      ids[static_cast<std::size_t>(t)]});
    }
    std::vector<TraceRow> rows;
    std::int64_t row = 0;
    for (const auto n : selectedRows(plan.info, selection, textOf))
        if (row++ % shard.count == shard.index) rows.push_back(plan.info.rows[static_cast<std::size_t>(n)]);
    if (rows.empty())
        throw Error(ErrorCode::InvalidArgument, "no token of any prompt is among the rows asked for");
    plan.info.rows = std::move(rows);
    for (const auto& prompt : promptsOf(plan.info.rows))
        plan.tokens += static_cast<std::int64_t>(
            plan.info.samples[static_cast<std::size_t>(prompt.sample)].tokenIds.size());
    return plan;
}

CapturePlan planPart(const Model& model, const CapturePlan& plan, int part, int parts) {
    CapturePlan own = plan;
    own.info.rows.clear();
    own.tokens = 0;
    const auto prompts = promptsOf(plan.info.rows);
    double total = 0, before = 0;
    for (const auto& prompt : prompts) total += costOf(model, plan, prompt);
    for (const auto& prompt : prompts) {
        const double cost = costOf(model, plan, prompt);
        const int of = std::min(parts - 1, static_cast<int>(parts * (before + cost / 2) / total));
        before += cost;
        if (of != part) continue;
        const auto first = plan.info.rows.begin() + prompt.first;
        own.info.rows.insert(own.info.rows.end(), first, first + prompt.count);
        own.tokens += std::ssize(tokensOf(plan, prompt));
    }
    return own;
}

CapturePlan planTokens(const Model& model, Sample sample, const std::vector<std::int32_t>& positions,
                       PointIndex firstPoint, PointIndex lastPoint) {
    CapturePlan plan = planOf(model, firstPoint, lastPoint, false);
    const auto& ids = sample.tokenIds;
    std::int32_t before = -1;
    for (const std::int32_t position : positions) {
        if (position <= before || static_cast<std::size_t>(position) >= ids.size())
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("position {} is not one of the {} tokens, in ascending order", position,
                                    ids.size()));
        plan.info.rows.push_back({0, position, ids[static_cast<std::size_t>(position)]});
        before = position;
    }
    if (plan.info.rows.empty()) throw Error(ErrorCode::InvalidArgument, "no token is asked for");
    plan.tokens = static_cast<std::int64_t>(ids.size());
    plan.info.samples = {std::move(sample)};
    return plan;
}

CapturePlan planRecapture(const Model& model, const TraceInfo& trace) {
    const auto mismatch = [](const std::string& what) {
        throw Error(ErrorCode::Mismatch, "the model cannot run the rows of this trace: " + what);
    };
    const auto& points = model.points();
    const auto first = std::search(points.begin(), points.end(), trace.points.begin(), trace.points.end());
    if (trace.points.empty() || first == points.end()) mismatch("its points are not those of the trace");
    if (model.identity().dModel != trace.units)
        mismatch(fmt::format("it has {} units, and the trace {}", model.identity().dModel, trace.units));
    CapturePlan plan;
    plan.info = trace;
    plan.info.model = model.identity();
    plan.info.bfloat16 = false;
    plan.firstPoint = PointIndex{first - points.begin()};
    plan.lastPoint = PointIndex{plan.firstPoint.value() + static_cast<std::int64_t>(trace.points.size()) - 1};
    for (std::size_t n = 0; n < trace.rows.size(); ++n) {
        const TraceRow& row = trace.rows[n];
        const auto& ids = trace.samples[static_cast<std::size_t>(row.sample)].tokenIds;
        if (row.position < 0 || static_cast<std::size_t>(row.position) >= ids.size())
            throw Error(
                ErrorCode::Unsupported,
                "the trace does not say the tokens of its samples, so that no model can run them again");
        const bool starts = n == 0 || trace.rows[n - 1].sample != row.sample;
        if (!starts && trace.rows[n - 1].position >= row.position)
            throw Error(ErrorCode::Unsupported, "the rows of a sample are out of order in this trace");
        if (!starts) continue;
        plan.tokens += static_cast<std::int64_t>(ids.size());
        for (const auto id : ids)
            if (id < 0 || id >= model.identity().vocabulary)
                mismatch(
                    fmt::format("token {} is outside its vocabulary of {}", id, model.identity().vocabulary));
    }
    return plan;
}

std::shared_ptr<const MemoryTrace> captureToMemory(const Model& model, const CapturePlan& plan,
                                                   const CaptureOptions& options, Progress& progress) {
    Array3F states(static_cast<std::int64_t>(plan.info.rows.size()),
                   static_cast<std::int64_t>(plan.info.points.size()), plan.info.units);
    const auto prompts = promptsOf(plan.info.rows);
    Meter meter;
    meter.betweenBatches = options.betweenBatches;
    for (const auto& prompt : prompts) meter.total += costOf(model, plan, prompt);
    const Window all{prompts, states.data.data()};
    runWindows(model, plan, {&all, 1}, options.batch, memoryOfPass(0), meter, progress);
    return std::make_shared<const MemoryTrace>(plan.info, std::move(states));
}

namespace {

/// Prompts with a row that is not complete. Each is run as a whole: its rows cost little beside its tokens.
std::vector<PromptRows> missingPrompts(const Model& model, const CapturePlan& plan,
                                       const std::vector<std::uint8_t>& complete, Meter& meter) {
    std::vector<PromptRows> missing;
    for (const auto& prompt : promptsOf(plan.info.rows)) {
        const auto first = complete.begin() + prompt.first;
        if (std::all_of(first, first + prompt.count, [](auto c) { return c != 0; })) continue;
        missing.push_back(prompt);
        meter.total += costOf(model, plan, prompt);
    }
    return missing;
}

/// The first of `prompts` whose rows follow on each other, up to the size of a window.
std::span<const PromptRows> windowOf(std::span<const PromptRows> prompts, std::int64_t values) {
    std::int64_t rows = prompts[0].count;
    std::size_t end = 1;
    while (end < prompts.size() && prompts[end].first == prompts[end - 1].first + prompts[end - 1].count &&
           (rows + prompts[end].count) * values * 4 <= windowBytes)
        rows += prompts[end++].count;
    return prompts.first(end);
}

/// A window of rows on their way to a file.
struct FileWindow {
    std::span<const PromptRows> prompts;
    std::vector<float> states;           ///< [row, point, unit]
    std::vector<std::uint8_t> finished;  ///< [row]
    std::int64_t base() const { return prompts.front().first; }
};

/// Lays out the windows that `prompts` begins with: one, and with streamed weights as many as `memory` bytes
/// hold. Buffers that `windows` has are used again.
void nextWindows(const Model& model, const CapturePlan& plan, std::span<const PromptRows> prompts,
                 std::int64_t memory, std::vector<FileWindow>& windows) {
    std::size_t count = 0;
    std::int64_t held = 0;
    while (!prompts.empty() && (count == 0 || model.streamed())) {
        const auto some = windowOf(prompts, rowValues(plan));
        for (const PromptRows& prompt : some) held += streamedBytes(model, plan, prompt);
        if (count > 0 && held > memory) break;
        if (windows.size() == count) windows.emplace_back();
        FileWindow& window = windows[count++];
        const std::int64_t rows = some.back().first + some.back().count - some.front().first;
        window.prompts = some;
        window.states.resize(static_cast<std::size_t>(rows * rowValues(plan)));
        window.finished.assign(static_cast<std::size_t>(rows), 0);
        prompts = prompts.subspan(some.size());
    }
    windows.resize(count);
}

/// A trace that is being filled, and which of its rows are there.
struct Filling {
    TraceWriter writer;
    std::vector<std::uint8_t> complete;  ///< [row]
    NotFinite notFinite;

    std::int64_t completeRows() const {
        return std::count(complete.begin(), complete.end(), std::uint8_t{1});
    }

    /// Writes the rows from `base` on that are `finished`. Those that were complete before are not written
    /// again: at any moment their digests must match them.
    void write(std::int64_t base, const std::vector<std::uint8_t>& finished, const std::vector<float>& states,
               std::int64_t values) {
        const auto wanted = [&](std::int64_t n) {
            return n < std::ssize(finished) && finished[static_cast<std::size_t>(n)] != 0 &&
                   complete[static_cast<std::size_t>(base + n)] == 0;
        };
        for (std::int64_t n = 0; n < std::ssize(finished); ++n) {
            std::int64_t run = 0;
            while (wanted(n + run)) ++run;
            if (run == 0) continue;
            const auto part = std::span(states).subspan(static_cast<std::size_t>(n * values),
                                                        static_cast<std::size_t>(run * values));
            writer.writeRows(RowIndex{base + n}, run, part.data());
            notFinite.look(part);
            std::fill_n(complete.begin() + (base + n), run, std::uint8_t{1});
            n += run;
        }
    }
};

Filling startFilling(const CapturePlan& plan, const std::filesystem::path& path,
                     const CaptureToFileOptions& options) {
    TraceWriter writer = options.resume ? TraceWriter::resume(path, plan.info)
                                        : TraceWriter::create(path, plan.info, options.ifExists);
    std::vector<std::uint8_t> complete = writer.complete();
    for (auto& mark : complete) mark = mark != 0 ? 1 : 0;
    return {std::move(writer), std::move(complete), NotFinite(plan.info)};
}

}  // namespace

CaptureOutcome captureToFile(const Model& model, const CapturePlan& plan, const std::filesystem::path& path,
                             const CaptureToFileOptions& options, Progress& progress) {
    Filling filling = startFilling(plan, path, options);
    CaptureOutcome outcome{std::ssize(plan.info.rows), filling.completeRows()};
    Meter meter;
    const std::vector<PromptRows> missing = missingPrompts(model, plan, filling.complete, meter);
    meter.forecast = options.forecast;

    progress.setStage("capturing");
    const std::int64_t memory = memoryOfPass(options.memory);
    std::vector<FileWindow> windows;
    bool interrupted = false;
    for (std::size_t at = 0; at < missing.size() && !interrupted;) {
        nextWindows(model, plan, std::span(missing).subspan(at), memory, windows);
        meter.finished = [&](const PromptRows& prompt) {
            for (FileWindow& window : windows)
                if (prompt.first >= window.base() &&
                    prompt.first < window.base() + std::ssize(window.finished))
                    std::fill_n(window.finished.begin() + (prompt.first - window.base()), prompt.count,
                                std::uint8_t{1});
        };
        std::vector<Window> places;
        for (FileWindow& window : windows) places.push_back({window.prompts, window.states.data()});
        try {
            runWindows(model, plan, places, options.batch, memory, meter, progress);
        } catch (const Cancelled&) {
            interrupted = true;
        }
        for (const FileWindow& window : windows) {
            filling.write(window.base(), window.finished, window.states, rowValues(plan));
            at += window.prompts.size();
        }
        meter.look();
    }
    filling.writer.close();
    if (interrupted) {
        if (options.interrupted) options.interrupted(filling.completeRows());
        throw Cancelled{};
    }
    if (const auto warning = filling.notFinite.warning(outcome.rows); !warning.empty())
        outcome.warnings.push_back(warning);
    return outcome;
}

}  // namespace rheo

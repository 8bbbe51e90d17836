#include "widgets/viewmodels/model_jobs.h"

#include <algorithm>
#include <numeric>

#include "core/base/error.h"
#include "core/capture/capture.h"
#include "core/checkpoint/model_cache.h"
#include "widgets/jobs/job_runner.h"

namespace rheo {

namespace {
constexpr std::size_t batch = 16;
}

std::shared_ptr<const LoadedModel> loadModel(const std::filesystem::path& folder, const ModelOptions& options,
                                             Progress& progress) {
    auto loaded = std::make_shared<LoadedModel>();
    progress.setStage("reading " + modelTitle(folder));
    loaded->checkpoint = Checkpoint::open(folder, AcceptedKeys(options.acceptedKeys));
    if (loaded->checkpoint->tokenizerPath()) {
        try {
            loaded->tokenizer = Tokenizer::open(loaded->checkpoint->folder());
        } catch (const Error& error) {
            // The model can still be run by token ids.
            if (error.code() != ErrorCode::Unsupported) throw;
        }
    }
    progress.check();
    progress.setStage("loading weights");
    loaded->model = Model::load(loaded->checkpoint, options, progress);
    return loaded;
}

std::shared_ptr<const Trace> captureTokens(const Model& model, const Sample& sample,
                                           const std::vector<std::int32_t>& positions, PointIndex first,
                                           PointIndex last, Progress& progress) {
    TraceInfo info;
    info.points.assign(model.points().begin() + first.value(), model.points().begin() + last.value() + 1);
    info.units = model.config().dModel;
    info.model = model.identity();
    info.samples = {sample};
    for (const std::int32_t position : positions)
        info.rows.push_back({0, position, sample.tokenIds.at(static_cast<std::size_t>(position))});
    ForwardRequest request;
    request.ids = {sample.tokenIds};
    request.positions = {positions};
    request.firstPoint = first;
    request.lastPoint = last;
    ForwardResult result = model.forward(request, progress);
    return std::make_shared<const MemoryTrace>(std::move(info), std::move(result.states));
}

std::shared_ptr<const Trace> captureLastTokens(const Model& model, std::vector<Sample> samples,
                                               PointIndex first, PointIndex last, Progress& progress) {
    const CapturePlan plan = planCapture(model, std::move(samples), RowChoice{}, first, last, Shard{}, false);
    const auto& all = plan.info.samples;
    if (const auto available = availableMemory(); available && plan.bytes() > *available / 2)
        throw Error(ErrorCode::OutOfMemory,
                    "the states of these prompts need " + std::to_string(plan.bytes() >> 20) +
                        " MiB, more than half of the memory that is free; capture them to a file with rheo "
                        "capture, and open that");

    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return all[a].tokenIds.size() > all[b].tokenIds.size();
    });
    Array3F states(static_cast<std::int64_t>(all.size()), static_cast<std::int64_t>(plan.info.points.size()),
                   plan.info.units);
    double done = 0;
    for (std::size_t at = 0; at < order.size(); at += batch) {
        progress.check();
        const std::size_t end = std::min(order.size(), at + batch);
        ForwardRequest request;
        request.firstPoint = first;
        request.lastPoint = last;
        for (std::size_t i = at; i < end; ++i) {
            request.ids.push_back(all[order[i]].tokenIds);
            request.positions.push_back({static_cast<std::int32_t>(all[order[i]].tokenIds.size()) - 1});
            done += static_cast<double>(all[order[i]].tokenIds.size());
        }
        Progress silent(progress.stopToken());  // a batch is one step of the whole
        const ForwardResult result = model.forward(request, silent);
        for (std::size_t i = at; i < end; ++i)
            std::copy_n(result.states.at(static_cast<std::int64_t>(i - at), 0), states.n1 * states.n2,
                        states.at(static_cast<std::int64_t>(order[i]), 0));
        progress.report(done, static_cast<double>(plan.tokens));
        JobRunner::letUrgentThrough();
    }
    return std::make_shared<const MemoryTrace>(plan.info, std::move(states));
}

}  // namespace rheo

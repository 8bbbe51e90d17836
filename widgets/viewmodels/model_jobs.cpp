#include "widgets/viewmodels/model_jobs.h"

#include "core/base/error.h"
#include "core/capture/capture.h"
#include "core/checkpoint/model_cache.h"
#include "widgets/jobs/job_runner.h"

namespace rheo {

std::shared_ptr<const LoadedModel> loadModel(const std::filesystem::path& folder, const ModelOptions& options,
                                             Progress& progress) {
    auto loaded = std::make_shared<LoadedModel>();
    progress.setStage("reading " + modelTitle(folder));
    loaded->checkpoint = Checkpoint::open(folder, AcceptedKeys(options.acceptedKeys), options.adapter);
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
    return captureToMemory(model, planTokens(model, sample, positions, first, last), {}, progress);
}

std::shared_ptr<const Trace> captureLastTokens(const Model& model, std::vector<Sample> samples,
                                               PointIndex first, PointIndex last, Progress& progress) {
    const CapturePlan plan = planCapture(model, std::move(samples), RowChoice{}, first, last, Shard{}, false);
    if (const auto available = availableMemory(); available && plan.bytes() > *available / 2)
        throw Error(ErrorCode::OutOfMemory, "the states of these prompts need " +
                                                std::to_string(plan.bytes() >> 20) +
                                                " MiB, more than half of the free memory; capture them to a "
                                                "file with rheo capture, and open that file");

    CaptureOptions options;
    options.betweenBatches = &JobRunner::letUrgentThrough;
    return captureToMemory(model, plan, options, progress);
}

}  // namespace rheo

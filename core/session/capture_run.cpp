#include "core/session/capture_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/capture/capture.h"
#include "core/capture/prompt_remarks.h"
#include "core/model/model.h"
#include "core/session/analysis_view.h"
#include "core/trace/trace_size.h"

namespace rheo {

namespace {

bool goesOn(const CaptureRequest& request) {
    return request.resume && std::filesystem::exists(request.out);
}

/// The prompts as samples, after a word on whatever is odd in them.
std::vector<Sample> samplesOf(const CaptureRequest& request, const PromptModel& model,
                              const std::function<void(const std::string&)>& warn, Progress& progress) {
    const ModelConfig& config = model.model->config();
    for (const auto& note : config.notes) warn(note);
    PromptList prompts =
        readPrompts(request.prompts, model.tokenizer.get(), config, request.prompt, progress);
    for (const auto& note : prompts.notes) warn(note);
    if (prompts.blankLines > 0)
        warn(fmt::format("{} blank lines of {} were skipped", prompts.blankLines, request.prompts));
    for (const auto& note : model.tokenizerNotes) warn(note);
    if (model.tokenizer)
        for (const auto& remark : promptRemarks(prompts.samples, *model.tokenizer)) warn(remark);
    std::int64_t longest = 0;
    for (const auto& sample : prompts.samples)
        longest = std::max(longest, static_cast<std::int64_t>(sample.tokenIds.size()));
    if (const auto note = lengthNote(config, longest); !note.empty()) warn("the longest prompt has " + note);
    return std::move(prompts.samples);
}

/// Continues each sample by `count` tokens, as Model::greedy does.
void continueSamples(const Model& model, int count, std::vector<Sample>& samples, Progress& progress) {
    progress.setStage("generating");
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto total = static_cast<double>(samples.size());
        Progress one = progress.part(static_cast<double>(i) / total, static_cast<double>(i + 1) / total);
        const auto generated = model.greedy(samples[i].tokenIds, count, true, one);
        samples[i].tokenIds.insert(samples[i].tokenIds.end(), generated.begin(), generated.end());
    }
}

CapturePlan planOf(const CaptureRequest& request, const PromptModel& model, std::vector<Sample> samples) {
    const auto points = parsePoints(model.model->points(), request.points);
    return planCapture(*model.model, std::move(samples), parseRowChoice(request.rows),
                       PointIndex{points.front()}, PointIndex{points.back()}, parseShard(request.shard),
                       request.bfloat16, parseSelection(request.select), tokenTexts(model.tokenizer));
}

}  // namespace

TokenText tokenTexts(std::shared_ptr<const Tokenizer> tokenizer) {
    if (tokenizer == nullptr) return {};
    return [tokenizer = std::move(tokenizer)](std::int32_t id) { return tokenizer->pieceBytes(id); };
}

void checkCapture(const CaptureRequest& request, const std::function<void(const std::string&)>& warn) {
    requireOutput(request.out, goesOn(request) ? IfExists::Replace : request.ifExists,
                  {request.modelName, request.prompts});
    parseRowChoice(request.rows);
    parseShard(request.shard);
    parseSelection(request.select);
    if (request.resume && !goesOn(request))
        warn(fmt::format("there is no {} to go on with: the capture starts afresh", request.out.string()));
}

CaptureResult runCapture(const CaptureRequest& request, const PromptModel& model,
                         const CaptureMessages& messages, Progress& progress) {
    Progress reading = progress.part(0, 0.01);
    std::vector<Sample> samples = samplesOf(request, model, messages.warn, reading);
    const double generated = request.generate > 0 ? 0.5 : 0.01;
    if (request.generate > 0) {
        Progress generating = progress.part(0.01, generated);
        continueSamples(*model.model, request.generate, samples, generating);
    }
    const CapturePlan plan = planOf(request, model, std::move(samples));
    const std::size_t rows = plan.info.rows.size();
    messages.say(fmt::format("{} rows of {} points by {} units: {}, from {} tokens of {} prompts", rows,
                             plan.info.points.size(), plan.info.units,
                             formatBytes(static_cast<double>(traceFileBytes(plan.info))), plan.tokens,
                             plan.info.samples.size()));
    CaptureToFileOptions how;
    how.batch = request.batch;
    how.memory = request.memory;
    how.resume = goesOn(request);
    how.ifExists = request.ifExists;
    how.forecast = messages.forecast;
    std::optional<std::int64_t> complete;
    how.interrupted = [&](std::int64_t done) { complete = done; };
    Progress capturing = progress.part(generated, 1);
    try {
        const CaptureOutcome outcome = captureToFile(*model.model, plan, request.out, how, capturing);
        for (const auto& warning : outcome.warnings) messages.warn(warning);
        if (outcome.resumed > 0)
            messages.warn(fmt::format("{} of {} rows were there already", outcome.resumed, outcome.rows));
        return {outcome.rows, false};
    } catch (const Cancelled&) {
        if (!complete) throw;
        messages.warn(
            fmt::format("interrupted; {} of {} rows are complete in {}; the same call with --resume "
                        "goes on",
                        *complete, rows, request.out.string()));
        return {*complete, true};
    }
}

}  // namespace rheo

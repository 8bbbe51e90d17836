#include "core/session/capture_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/base/ranks.h"
#include "core/capture/capture.h"
#include "core/capture/prompt_remarks.h"
#include "core/model/model.h"
#include "core/session/analysis_view.h"
#include "core/session/capture_ranks.h"
#include "core/trace/trace_size.h"

namespace rheo {

namespace {

bool goesOn(const CaptureRequest& request) {
    return request.resume && std::filesystem::exists(request.out);
}

bool goesOnWithParts(const CaptureRequest& request) {
    return request.resume && !partsOf(request.out).empty();
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

/// Continues each sample by `count` tokens, as Model::greedy does. Each rank continues some, and all get all.
void continueSamples(const Model& model, int count, const Ranks& ranks, std::vector<Sample>& samples,
                     Progress& progress) {
    progress.setStage("generating");
    const Share own = shareOf(std::ssize(samples), ranks.rank, ranks.size);
    std::vector<std::int32_t> ids;  // of each, how many and which
    for (std::int64_t i = 0; i < own.count; ++i) {
        const auto total = static_cast<double>(own.count);
        Progress one = progress.part(static_cast<double>(i) / total, static_cast<double>(i + 1) / total);
        const auto& sample = samples[static_cast<std::size_t>(own.first + i)];
        const auto generated = model.greedy(sample.tokenIds, count, true, one);
        ids.push_back(static_cast<std::int32_t>(generated.size()));
        ids.insert(ids.end(), generated.begin(), generated.end());
    }
    const auto bytes = std::as_bytes(std::span(ids));
    auto sample = samples.begin();
    for (const Bytes& some : gather(ranks, {bytes.begin(), bytes.end()})) {
        std::vector<std::int32_t> all(some.size() / sizeof(std::int32_t));
        if (!all.empty()) std::memcpy(all.data(), some.data(), some.size());
        for (auto at = all.begin(); at != all.end(); ++sample) {
            const std::int32_t generated = *at++;
            sample->tokenIds.insert(sample->tokenIds.end(), at, at + generated);
            at += generated;
        }
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
    rejectOtherParts(request.out, currentRanks(), request.resume, request.ifExists);
    if (currentRanks().size > 1 && request.prompts == "-")
        throw Error(ErrorCode::InvalidArgument,
                    "only one of the ranks would receive standard input; put the prompts into a file");
    if (request.resume && !goesOn(request) && !goesOnWithParts(request))
        warn(fmt::format("there is no {} to continue: the capture starts from the beginning",
                         request.out.string()));
}

CaptureResult runCapture(const CaptureRequest& request, const PromptModel& model,
                         const CaptureMessages& messages, Progress& progress) {
    Progress reading = progress.part(0, 0.01);
    std::vector<Sample> samples = samplesOf(request, model, messages.warn, reading);
    const double generated = request.generate > 0 ? 0.5 : 0.01;
    if (request.generate > 0) {
        Progress generating = progress.part(0.01, generated);
        continueSamples(*model.model, request.generate, currentRanks(), samples, generating);
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
    if (!currentRanks().alone()) {
        how.resume = request.resume;
        return captureByRanks(*model.model, plan, request.out, how, messages, capturing);
    }
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

#include "core/session/attach_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"

namespace rheo {

namespace {

std::string digest(const std::string& sha256) {
    return sha256.empty() ? "none" : sha256.substr(0, 12) + "...";
}

std::string seedText(const std::optional<std::uint64_t>& seed) {
    return seed ? fmt::format("untrained with seed {}", *seed) : "trained";
}

template <class T>
void compare(std::vector<std::string>& found, const char* what, const T& trace, const T& model) {
    if (trace != model) found.push_back(fmt::format("{} ({} in the trace, {} here)", what, trace, model));
}

}  // namespace

std::string identityDifference(const ModelIdentity& trace, const ModelIdentity& model) {
    std::vector<std::string> found;
    compare(found, "architecture", trace.architecture, model.architecture);
    compare(found, "number of blocks", trace.layers, model.layers);
    compare(found, "width", trace.dModel, model.dModel);
    compare(found, "vocabulary", trace.vocabulary, model.vocabulary);
    compare(found, "weights", seedText(trace.untrainedSeed), seedText(model.untrainedSeed));
    if (found.empty()) {
        // Sizes agree: only now do the digests tell anything.
        compare(found, "weights, by SHA-256", digest(trace.weightsSha256), digest(model.weightsSha256));
        compare(found, "config.json, by SHA-256", digest(trace.configSha256), digest(model.configSha256));
        compare(found, "tokenizer.json, by SHA-256", digest(trace.tokenizerSha256),
                digest(model.tokenizerSha256));
    }
    return fmt::format("{}", fmt::join(found, "; "));
}

std::optional<PointIndex> firstModelPoint(const std::vector<ResidualPoint>& trace,
                                          const std::vector<ResidualPoint>& model) {
    if (trace.empty() || trace.size() > model.size()) return std::nullopt;
    const auto place = std::find(model.begin(), model.end(), trace.front());
    if (model.end() - place < static_cast<std::ptrdiff_t>(trace.size())) return std::nullopt;
    if (!std::equal(trace.begin(), trace.end(), place)) return std::nullopt;
    return PointIndex{place - model.begin()};
}

std::string checkAttachment(const TraceInfo& trace, const ModelIdentity& model,
                            const std::vector<ResidualPoint>& modelPoints, const std::string& folder) {
    const auto refuse = [&](const std::string& reason) {
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{} did not make this trace: {}. Choose the model the trace was captured "
                                "from, or open this model without the trace.",
                                folder, reason),
                    folder);
    };
    if (trace.model) {
        const std::string difference = identityDifference(*trace.model, model);
        if (!difference.empty()) refuse("they differ in " + difference);
    }
    if (trace.units != model.dModel)
        refuse(fmt::format("its states have {} units, but those of the model have {}", trace.units,
                           model.dModel));
    if (!firstModelPoint(trace.points, modelPoints))
        refuse(
            fmt::format("its points ({} from {} to {}) are not consecutive points of the model ({} from {} "
                        "to {})",
                        trace.points.size(), trace.points.empty() ? "none" : pointName(trace.points.front()),
                        trace.points.empty() ? "none" : pointName(trace.points.back()), modelPoints.size(),
                        pointName(modelPoints.front()), pointName(modelPoints.back())));
    for (const Sample& sample : trace.samples)
        for (const std::int32_t id : sample.tokenIds)
            if (id < 0 || id >= model.vocabulary)
                refuse(fmt::format("its prompts contain the token {}, but the vocabulary ends at {}", id,
                                   model.vocabulary - 1));
    return trace.model ? std::string() : "the trace does not say which model made it; sizes and points agree";
}

}  // namespace rheo

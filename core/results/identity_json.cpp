#include "core/results/identity_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace rheo {

std::string identityToJson(const ModelIdentity& model) {
    nlohmann::ordered_json json{{"architecture", model.architecture},
                                {"layers", model.layers},
                                {"d_model", model.dModel},
                                {"vocabulary", model.vocabulary},
                                {"config_sha256", model.configSha256},
                                {"tokenizer_sha256", model.tokenizerSha256},
                                {"weights_sha256", model.weightsSha256}};
    if (model.untrainedSeed) json["untrained_seed"] = *model.untrainedSeed;
    return json.dump();
}

ModelIdentity identityFromJson(const nlohmann::json& json, const std::string& file) {
    ModelIdentity model;
    try {
        model.architecture = json.value("architecture", "");
        model.layers = json.value("layers", std::int64_t{0});
        model.dModel = json.value("d_model", std::int64_t{0});
        model.vocabulary = json.value("vocabulary", std::int64_t{0});
        model.configSha256 = json.value("config_sha256", "");
        model.tokenizerSha256 = json.value("tokenizer_sha256", "");
        model.weightsSha256 = json.value("weights_sha256", "");
        if (json.contains("untrained_seed"))
            model.untrainedSeed = json.at("untrained_seed").get<std::uint64_t>();
    } catch (const nlohmann::json::exception& failure) {
        throw Error(ErrorCode::Format,
                    fmt::format("{}: its model is not described as it should be: {}", file, failure.what()),
                    file);
    }
    return model;
}

std::string identityText(const ModelIdentity& model) {
    return fmt::format("{}, {} layers of {} units, weights {}{}", model.architecture, model.layers,
                       model.dModel, model.weightsSha256.substr(0, 12),
                       model.untrainedSeed ? fmt::format(", untrained, seed {}", *model.untrainedSeed) : "");
}

}  // namespace rheo

#include "core/trace/sample_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace rheo {

namespace {

[[noreturn]] void refuse(const Hdf5File& file, const std::string& dataset, const std::string& why) {
    throw Error(ErrorCode::Format, fmt::format("{}, {}: {}", file.path().string(), dataset, why),
                file.path().string());
}

/// One text a sample; empty where the dataset is not there.
std::vector<std::string> textsOf(const Hdf5File& file, const std::string& dataset, std::size_t samples) {
    if (!file.exists(dataset)) return {};
    auto texts = file.readStrings(dataset);
    if (texts.size() != samples)
        refuse(file, dataset,
               fmt::format("{} entries were expected, and there are {}", samples, texts.size()));
    return texts;
}

}  // namespace

void writeSampleLabels(Hdf5File& file, const std::string& folder, const std::vector<Sample>& samples) {
    const auto has = [&](auto isThere) { return std::any_of(samples.begin(), samples.end(), isThere); };
    std::vector<std::string> groups, columns;
    for (const Sample& sample : samples) {
        groups.push_back(sample.group);
        columns.push_back(
            nlohmann::json(sample.columns).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    if (has([](const Sample& s) { return !s.group.empty(); })) file.writeStrings(folder + "/group", groups);
    if (has([](const Sample& s) { return !s.columns.empty(); }))
        file.writeStrings(folder + "/columns", columns);
}

void readSampleLabels(const Hdf5File& file, const std::string& folder, std::vector<Sample>& samples) {
    const auto groups = textsOf(file, folder + "/group", samples.size());
    for (std::size_t s = 0; s < groups.size(); ++s) samples[s].group = groups[s];
    const std::string dataset = folder + "/columns";
    const auto columns = textsOf(file, dataset, samples.size());
    for (std::size_t s = 0; s < columns.size(); ++s) {
        const auto object = nlohmann::json::parse(columns[s], nullptr, false);
        if (!object.is_object()) refuse(file, dataset, fmt::format("entry {} is no JSON object", s));
        for (const auto& [name, value] : object.items()) {
            if (!value.is_string())
                refuse(file, dataset, fmt::format("entry {} has a value that is no text", s));
            samples[s].columns[name] = value.get<std::string>();
        }
    }
}

}  // namespace rheo

#include "core/results/source_group.h"

#include <fmt/format.h>

#include <type_traits>

#include "core/results/results_datasets.h"
#include "core/trace/file_parts.h"
#include "core/trace/sample_labels.h"

namespace rheo {

namespace {

using results::refuse;

std::vector<TraceRow> readRows(const Hdf5File& file, const std::string& group) {
    const auto samples = file.read<std::int32_t>(group + "/rows/sample");
    const auto positions = file.read<std::int32_t>(group + "/rows/position");
    const auto tokens = file.read<std::int32_t>(group + "/rows/token_id");
    if (samples.size() != positions.size() || samples.size() != tokens.size())
        refuse(file, group + "/rows", "lists that belong together differ in length");
    std::vector<TraceRow> rows;
    for (std::size_t n = 0; n < samples.size(); ++n) rows.push_back({samples[n], positions[n], tokens[n]});
    return rows;
}

std::vector<Sample> readSamples(const Hdf5File& file, const std::string& group) {
    const auto texts = file.readStrings(group + "/samples/text");
    const auto ids = file.read<std::int32_t>(group + "/samples/token_ids");
    const auto first = file.read<std::int64_t>(group + "/samples/first_token");
    if (first.size() != texts.size() + 1)
        refuse(file, group + "/samples", "lists that belong together differ in length");
    std::vector<Sample> samples;
    for (std::size_t s = 0; s < texts.size(); ++s) {
        if (first[s] < 0 || first[s + 1] < first[s] || first[s + 1] > static_cast<std::int64_t>(ids.size()))
            refuse(file, group + "/samples/first_token", "an entry points outside of token_ids");
        samples.push_back({texts[s], {ids.begin() + first[s], ids.begin() + first[s + 1]}});
    }
    readSampleLabels(file, group + "/samples", samples);
    return samples;
}

}  // namespace

void writeSource(Hdf5File& file, const std::string& group, const ResultsSource& source) {
    file.makeGroup(group);
    file.setAttribute(group, "hash", source.hash);
    file.setAttribute(group, "path", source.path);
    if (!source.selection.empty()) file.setAttribute(group, "selection", source.selection);
    file.setAttribute(group, "units", source.info.units);
    if (source.info.model) writeModelAttributes(file, group, *source.info.model);
    std::vector<std::int32_t> samples, positions, tokens, ids;
    std::vector<std::string> texts;
    std::vector<std::int64_t> first{0};
    for (const auto& row : source.info.rows) {
        samples.push_back(row.sample);
        positions.push_back(row.position);
        tokens.push_back(row.tokenId);
    }
    for (const auto& sample : source.info.samples) {
        texts.push_back(sample.text);
        ids.insert(ids.end(), sample.tokenIds.begin(), sample.tokenIds.end());
        first.push_back(static_cast<std::int64_t>(ids.size()));
    }
    const auto list = [&](const std::string& name, const auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        file.write<T>(name, values, {static_cast<std::int64_t>(values.size())});
    };
    writePoints(file, group + "/points", source.info.points);
    list(group + "/rows/sample", samples);
    list(group + "/rows/position", positions);
    list(group + "/rows/token_id", tokens);
    file.writeStrings(group + "/samples/text", texts);
    list(group + "/samples/token_ids", ids);
    list(group + "/samples/first_token", first);
    writeSampleLabels(file, group + "/samples", source.info.samples);
}

ResultsSource readSource(const Hdf5File& file, const std::string& group) {
    const auto text = [&](const char* name) { return file.textAttribute(group, name); };
    ResultsSource source;
    source.hash = text("hash").value_or("");
    source.path = text("path").value_or("");
    source.selection = text("selection").value_or("");
    source.info.units = file.integerAttribute(group, "units").value_or(0);
    if (text("architecture")) source.info.model = readModelAttributes(file, group);
    source.info.points = readPoints(file, group + "/points");
    if (source.info.points.empty()) refuse(file, group + "/points", "there are none");
    source.info.rows = readRows(file, group);
    source.info.samples = readSamples(file, group);
    const std::size_t samples = source.info.samples.size();
    for (const auto& row : source.info.rows)
        if (row.sample < 0 || (samples > 0 && static_cast<std::size_t>(row.sample) >= samples))
            refuse(file, group + "/rows/sample",
                   fmt::format("a row belongs to sample {}, and there are {}", row.sample, samples));
    return source;
}

}  // namespace rheo

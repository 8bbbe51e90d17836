#include "core/results/intervened_file.h"

#include "core/results/intervention_file.h"
#include "core/results/laboratory_file.h"

namespace rheo {

namespace {

void writeSweep(Hdf5File& file, const IntervenedFile& record) {
    file.setAttribute("/", "sweep_token", std::int64_t{record.sweepToken});
    const auto column = [&](const char* name, double SweepStep::*member) {
        std::vector<double> values;
        for (const SweepStep& step : record.sweep) values.push_back(step.*member);
        writeList(file, name, values);
    };
    column("/sweep/strength", &SweepStep::factor);
    column("/sweep/probability", &SweepStep::probability);
    column("/sweep/entropy", &SweepStep::entropy);
    column("/sweep/perplexity", &SweepStep::perplexity);
    std::vector<std::int32_t> ids;
    for (const SweepStep& step : record.sweep) ids.insert(ids.end(), step.ids.begin(), step.ids.end());
    file.write<std::int32_t>("/sweep/ids", ids,
                             {static_cast<std::int64_t>(record.sweep.size()),
                              static_cast<std::int64_t>(record.sweep.front().ids.size())});
}

}  // namespace

void writeIntervenedFile(const std::filesystem::path& path, const IntervenedFile& record, IfExists ifExists) {
    OutputFile output(path, ifExists);
    Hdf5File file = createLaboratoryFile(output, "rheograph-intervention", record.model);
    const InterveneResult& result = record.result;
    writePoints(file, "/points", record.points);
    writeText(file, "/edits", interventionToJson(record.intervention, record.model));
    writeText(file, "/text", record.text);
    writeText(file, "/natural_text", record.naturalText);
    writeText(file, "/intervened_text", record.intervenedText);
    file.setAttribute("/", "kl", result.kl);
    file.setAttribute("/", "temperature", record.sampling.temperature);
    file.setAttribute("/", "top_p", record.sampling.topP);
    file.setAttribute("/", "seed", static_cast<std::int64_t>(record.sampling.seed));
    writeList(file, "/ids", record.ids);
    writeList(file, "/natural_ids", result.naturalIds);
    writeList(file, "/intervened_ids", result.intervenedIds);
    writeList(file, "/natural_surprise", result.naturalSurprise);
    writeList(file, "/intervened_surprise", result.intervenedSurprise);
    writeArray(file, "/natural", result.natural);
    writeArray(file, "/intervened", result.intervened);
    writeVector<float>(file, "/logits_natural", result.logitsNatural);
    writeVector<float>(file, "/logits_intervened", result.logitsIntervened);
    if (!record.sweep.empty()) writeSweep(file, record);
    file.close();
    output.commit();
}

IntervenedText readIntervenedText(const std::filesystem::path& path) {
    const Hdf5File file = openLaboratoryFile(path, "rheograph-intervention", "an intervention's outcome");
    IntervenedText text;
    IntervenedFile& record = text.record;
    const auto one = [&](const char* name) {
        const auto strings = file.readStrings(name);
        if (strings.size() != 1) refuseDataset(file, name, "it should hold one text");
        return strings.front();
    };
    text.edits = one("/edits");
    record.text = one("/text");
    record.naturalText = one("/natural_text");
    record.intervenedText = one("/intervened_text");
    record.ids = file.read<std::int32_t>("/ids");
    InterveneResult& result = record.result;
    result.naturalIds = file.read<std::int32_t>("/natural_ids");
    result.intervenedIds = file.read<std::int32_t>("/intervened_ids");
    const auto surprise = [&](const char* name, std::size_t tokens) {
        auto values = file.read<double>(name);
        if (values.size() != tokens) refuseDataset(file, name, "it should have a number for each token");
        return values;
    };
    result.naturalSurprise = surprise("/natural_surprise", result.naturalIds.size());
    result.intervenedSurprise = surprise("/intervened_surprise", result.intervenedIds.size());
    if (!file.exists("/sweep/strength")) return text;
    const auto strengths = file.read<double>("/sweep/strength");
    const auto column = [&](const char* name, double SweepStep::*member) {
        const auto values = file.read<double>(name);
        if (values.size() != strengths.size())
            refuseDataset(file, name, "it should have a number for each strength");
        for (std::size_t i = 0; i < values.size(); ++i) record.sweep[i].*member = values[i];
    };
    record.sweep.resize(strengths.size());
    column("/sweep/strength", &SweepStep::factor);
    column("/sweep/probability", &SweepStep::probability);
    column("/sweep/entropy", &SweepStep::entropy);
    column("/sweep/perplexity", &SweepStep::perplexity);
    return text;
}

}  // namespace rheo

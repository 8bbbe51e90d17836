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
    writeArray(file, "/natural", result.natural);
    writeArray(file, "/intervened", result.intervened);
    writeVector<float>(file, "/logits_natural", result.logitsNatural);
    writeVector<float>(file, "/logits_intervened", result.logitsIntervened);
    if (!record.sweep.empty()) writeSweep(file, record);
    file.close();
    output.commit();
}

}  // namespace rheo

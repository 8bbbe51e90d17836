#include "core/results/intervened_file.h"

#include "core/results/intervention_file.h"
#include "core/results/laboratory_file.h"

namespace rheo {

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
    file.close();
    output.commit();
}

}  // namespace rheo

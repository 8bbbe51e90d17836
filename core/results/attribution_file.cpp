#include "core/results/attribution_file.h"

#include "core/base/error.h"
#include "core/results/laboratory_file.h"

namespace rheo {

namespace {

constexpr const char* formatName = "rheograph-attribution";

/// The values of all tokens by name, so that writing and reading cannot disagree.
template <class Result, class Visit>
void forEachVector(Result& attribution, Visit visit) {
    visit("embeddings", attribution.embedding);
    visit("biases", attribution.bias);
    visit("edits", attribution.edits);
    visit("logits", attribution.logit);
}

/// In `group` ("" or "/natural"): all tokens, and the chosen one.
void writeTokens(Hdf5File& file, const std::string& group, const Attribution& a, int token) {
    writeArray(file, (group + "/contributions").c_str(), a.contribution);
    const VectorD chosen = a.contribution.row(token).transpose();
    writeVector<double>(file, (group + "/contribution").c_str(), chosen);
    forEachVector(a, [&](const char* name, const VectorD& values) {
        writeVector<double>(file, (group + "/" + name).c_str(), values);
    });
    const std::string object = group.empty() ? "/" : group;
    file.setAttribute(object, "embedding", a.embedding[token]);
    file.setAttribute(object, "bias", a.bias[token]);
    file.setAttribute(object, "edits", a.edits[token]);
    file.setAttribute(object, "logit", a.logit[token]);
}

Attribution readTokens(const Hdf5File& file, const std::string& group, std::int64_t tokens,
                       std::int64_t steps) {
    Attribution a;
    a.contribution = readMatrix(file, (group + "/contributions").c_str(), tokens, steps);
    forEachVector(a, [&](const char* name, VectorD& values) {
        const std::string dataset = group + "/" + name;
        const auto read = file.read<double>(dataset);
        if (static_cast<std::int64_t>(read.size()) != tokens)
            refuseDataset(file, dataset, "there is not one value a token");
        values = Eigen::Map<const VectorD>(read.data(), tokens);
    });
    a.answer = static_cast<std::int32_t>(file.integerAttribute("/", "answer").value_or(-1));
    a.foil = static_cast<std::int32_t>(file.integerAttribute("/", "foil").value_or(-1));
    return a;
}

}  // namespace

void writeAttributionFile(const std::filesystem::path& path, const AttributionFile& record,
                          IfExists ifExists) {
    OutputFile output(path, ifExists);
    Hdf5File file = createLaboratoryFile(output, formatName, record.model);
    file.setAttribute("/", "token", std::int64_t{record.token});
    file.setAttribute("/", "answer", std::int64_t{record.attribution.answer});
    file.setAttribute("/", "foil", std::int64_t{record.attribution.foil});
    file.setAttribute("/", "answer_text", record.answerText);
    file.setAttribute("/", "foil_text", record.foilText);
    writePoints(file, "/points", record.points);
    writeList(file, "/ids", record.ids);
    file.writeStrings("/pieces", record.pieces);
    writeTokens(file, "", record.attribution, record.token);
    if (record.natural) {
        file.makeGroup("/natural");
        writeTokens(file, "/natural", *record.natural, record.token);
        writeText(file, "/intervention", record.intervention);
    }
    file.close();
    output.commit();
}

AttributionFile readAttributionFile(const std::filesystem::path& path) {
    const Hdf5File file = openLaboratoryFile(path, formatName, "an attribution");
    AttributionFile record;
    record.points = readPoints(file, "/points");
    record.model = readModelAttributes(file, "/");
    record.ids = file.read<std::int32_t>("/ids");
    record.pieces = file.readStrings("/pieces");
    record.answerText = file.textAttribute("/", "answer_text").value_or("");
    record.foilText = file.textAttribute("/", "foil_text").value_or("");
    const auto tokens = static_cast<std::int64_t>(record.ids.size());
    const auto steps = static_cast<std::int64_t>(record.points.size()) - 1;
    const std::int64_t token = file.integerAttribute("/", "token").value_or(-1);
    if (token < 0 || token >= tokens) refuseDataset(file, "token", "it is not one of the tokens");
    record.token = static_cast<int>(token);
    if (static_cast<std::int64_t>(record.pieces.size()) != tokens)
        refuseDataset(file, "/pieces", "there is not one piece a token");
    record.attribution = readTokens(file, "", tokens, steps);
    if (!file.exists("/natural")) return record;
    record.natural = readTokens(file, "/natural", tokens, steps);
    const auto text = file.readStrings("/intervention");
    if (!text.empty()) record.intervention = text.front();
    return record;
}

}  // namespace rheo

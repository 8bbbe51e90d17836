#include "core/results/patch_map_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/results/laboratory_file.h"

namespace rheo {

namespace {
constexpr const char* formatName = "rheograph-patch-map";
}

void writePatchMapFile(const std::filesystem::path& path, const PatchMapFile& record, IfExists ifExists) {
    OutputFile output(path, ifExists);
    Hdf5File file = createLaboratoryFile(output, formatName, record.model);
    const PatchMap& map = record.map;
    file.setAttribute("/", "clean", map.clean);
    file.setAttribute("/", "corrupted", map.corrupted);
    file.setAttribute("/", "outcome", std::string(patchOutcomeName(map.request.outcome)));
    file.setAttribute("/", "answer", std::int64_t{map.request.answer});
    file.setAttribute("/", "foil", std::int64_t{map.request.foil});
    file.setAttribute("/", "answer_text", record.answerText);
    file.setAttribute("/", "foil_text", record.foilText);
    writePoints(file, "/points", record.points);
    writeArray(file, "/effect", map.effect);
    writeArray(file, "/normalized", map.normalized);
    writeList(file, "/clean_ids", map.request.clean);
    writeList(file, "/corrupted_ids", map.request.corrupted);
    writeList(file, "/clean_token", map.request.cleanToken);
    file.writeStrings("/clean_pieces", record.cleanPieces);
    file.writeStrings("/corrupted_pieces", record.corruptedPieces);
    if (map.request.along.rows() > 0) {
        writeArray(file, "/along", map.request.along);
        file.writeStrings("/axis_names", record.axisNames);
    }
    file.close();
    output.commit();
}

PatchMapFile readPatchMapFile(const std::filesystem::path& path) {
    const Hdf5File file = openLaboratoryFile(path, formatName, "a patch map");
    PatchMapFile record;
    PatchMap& map = record.map;
    record.points = readPoints(file, "/points");
    record.model = readModelAttributes(file, "/");
    const auto number = [&](const char* name) { return file.numberAttribute("/", name).value_or(0); };
    map.clean = number("clean");
    map.corrupted = number("corrupted");
    const std::string outcome = file.textAttribute("/", "outcome").value_or("");
    const auto parsed = parsePatchOutcome(outcome);
    if (!parsed) refuseDataset(file, "outcome", fmt::format("'{}' is no outcome", outcome));
    map.request.outcome = *parsed;
    map.request.answer = static_cast<std::int32_t>(file.integerAttribute("/", "answer").value_or(-1));
    map.request.foil = static_cast<std::int32_t>(file.integerAttribute("/", "foil").value_or(-1));
    record.answerText = file.textAttribute("/", "answer_text").value_or("");
    record.foilText = file.textAttribute("/", "foil_text").value_or("");
    map.request.clean = file.read<std::int32_t>("/clean_ids");
    map.request.corrupted = file.read<std::int32_t>("/corrupted_ids");
    const auto tokens = static_cast<std::int64_t>(map.request.corrupted.size());
    const auto points = static_cast<std::int64_t>(record.points.size());
    map.effect = readMatrix(file, "/effect", tokens, points);
    map.normalized = readMatrix(file, "/normalized", tokens, points);
    map.request.cleanToken = file.read<std::int32_t>("/clean_token");
    record.cleanPieces = file.readStrings("/clean_pieces");
    record.corruptedPieces = file.readStrings("/corrupted_pieces");
    if (file.exists("/along")) {
        record.axisNames = file.readStrings("/axis_names");
        const auto shape = file.info("/along").shape;
        map.request.along = readMatrix(file, "/along", static_cast<std::int64_t>(record.axisNames.size()),
                                       shape.empty() ? 0 : shape.back());
    }
    const auto clean = static_cast<std::int64_t>(map.request.clean.size());
    const bool aligned = static_cast<std::int64_t>(map.request.cleanToken.size()) == tokens &&
                         std::all_of(map.request.cleanToken.begin(), map.request.cleanToken.end(),
                                     [&](std::int32_t token) { return token >= -1 && token < clean; });
    if (!aligned) refuseDataset(file, "/clean_token", "it does not align the tokens of both prompts");
    if (record.cleanPieces.size() != map.request.clean.size() ||
        record.corruptedPieces.size() != map.request.corrupted.size())
        refuseDataset(file, "/clean_pieces", "there is not one piece a token");
    return record;
}

}  // namespace rheo

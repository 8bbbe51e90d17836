#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/model_identity.h"
#include "core/base/output_file.h"
#include "core/base/residual_point.h"
#include "core/dynamics/attribution_result.h"

namespace rheo {

/// An attribution of all tokens of a prompt as it is stored; one of them is the chosen token.
struct AttributionFile {
    std::vector<ResidualPoint> points;
    ModelIdentity model;
    std::vector<std::int32_t> ids;    ///< of the prompt, T tokens
    std::vector<std::string> pieces;  ///< [T] for people
    std::string answerText, foilText;
    int token = 0;                       ///< the chosen one
    Attribution attribution;             ///< of T tokens; with the intervention, where there is one
    std::optional<Attribution> natural;  ///< without it, only where there is one
    std::string intervention;            ///< as JSON; empty: none
};

/// HDF5: of the chosen token `contribution` [step] float64, and attributes `embedding`, `bias`, `edits`,
/// `logit` (their sum with the contributions), `token`, `answer`, `foil` (-1: none), `answer_text`,
/// `foil_text`; of all tokens `contributions` [token, step], `embeddings`, `biases`, `edits`, `logits`
/// [token]; `ids`, `pieces` [token]; `points/block`, `points/site`. With an intervention the same without it
/// in the group `natural`, and `intervention` (JSON, one string). Throws as OutputFile, Error(Io, DiskFull).
void writeAttributionFile(const std::filesystem::path& path, const AttributionFile& record,
                          IfExists ifExists);

/// Throws Error(NotFound, Format, Unsupported) naming file and dataset.
AttributionFile readAttributionFile(const std::filesystem::path& path);

}  // namespace rheo

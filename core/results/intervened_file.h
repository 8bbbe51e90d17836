#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/model_identity.h"
#include "core/base/output_file.h"
#include "core/base/residual_point.h"
#include "core/dynamics/intervene.h"

namespace rheo {

/// A prompt with an intervention as it is stored.
struct IntervenedFile {
    std::vector<ResidualPoint> points;  ///< of the model
    ModelIdentity model;
    std::string text;               ///< the prompt; may be empty
    std::vector<std::int32_t> ids;  ///< of the prompt
    Intervention intervention;
    Sampling sampling;
    InterveneResult result;
    std::vector<SweepStep> sweep;             ///< may be empty
    std::int32_t sweepToken = -1;             ///< whose probability the sweep follows; -1: none
    std::string naturalText, intervenedText;  ///< of the generated tokens; may be empty
};

/// HDF5: `natural`, `intervened` [token, point, unit] float32 of prompt and generated tokens; `ids` of the
/// prompt; `natural_ids`, `intervened_ids` of the generated tokens; `logits_natural`, `logits_intervened`
/// [vocabulary] of the prompt's last token; `natural_surprise`, `intervened_surprise` of the generated
/// tokens; `points/block`, `points/site`; `edits` (the intervention as JSON), `text`, `natural_text` and
/// `intervened_text`, each one string; with a sweep `sweep/strength`, `sweep/probability`, `sweep/entropy`,
/// `sweep/perplexity` [strength] float64 and `sweep/ids` [strength, token]; attributes `sweep_token` (-1:
/// none), `kl`, `temperature`, `top_p`, `seed` and those of the model. Throws as OutputFile, Error(Io,
/// DiskFull).
void writeIntervenedFile(const std::filesystem::path& path, const IntervenedFile& record, IfExists ifExists);

/// The texts and the sweep of such a file: all but the states and the logits, which `result` lacks; the
/// intervention stands as JSON. Throws Error(NotFound, Format, Unsupported) naming file and dataset.
struct IntervenedText {
    IntervenedFile record;
    std::string edits;
};
IntervenedText readIntervenedText(const std::filesystem::path& path);

}  // namespace rheo

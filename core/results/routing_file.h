#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/model_identity.h"
#include "core/base/output_file.h"
#include "core/dynamics/routing_result.h"

namespace rheo {

/// What the routers of a model made of prompts, as it is stored. N rows, prompt by prompt.
struct RoutingFile {
    ModelIdentity model;
    std::vector<std::int32_t> ids;                   ///< [N] tokens
    std::vector<std::int32_t> prompts;               ///< [N] number of the prompt, ascending from 0
    std::map<std::int32_t, std::string> tokenTexts;  ///< of the ids, for people; empty without a tokenizer
    RoutingResult routing;
};

/// HDF5: `ids`, `prompts` [row]; `blocks` [block]; `probabilities` [row, block, expert] float32; `chosen`
/// [row, block, place]; `usage` [block, expert]; `entropy` [row, block]; groups `balance`, `token`, `next`
/// with `observed`, `mean`, `low`, `high`, `p`, each a number a block (`next`: one fewer); attributes
/// `repeats`, `seed`; `token_ids`, `token_texts`. Throws as OutputFile, Error(Io, DiskFull).
void writeRoutingFile(const std::filesystem::path& path, const RoutingFile& record, IfExists ifExists);

/// Throws Error(NotFound, Format, Unsupported) naming file and dataset.
RoutingFile readRoutingFile(const std::filesystem::path& path);

}  // namespace rheo

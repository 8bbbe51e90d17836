#pragma once

#include <cstdint>
#include <vector>

#include "core/tokenizer/component.h"

namespace rheo {

/// What is put around the ids of a text: special tokens before and after.
struct PostProcessor {
    std::vector<std::int32_t> before, after;
};

/// From the value of "post_processor"; null puts nothing. Known: TemplateProcessing (its template for a
/// single text), RobertaProcessing, BertProcessing, ByteLevel (which only moves offsets), Sequence.
/// Throws Error(Unsupported) for another, by name; Error(Format) for a special token that is not declared.
PostProcessor makePostProcessor(const nlohmann::json& value, const Place& place, ComponentBudget& budget);

}  // namespace rheo

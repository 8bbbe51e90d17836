#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/checkpoint/name_pattern.h"

namespace rheo {

/// A list of names of modules, or one expression that all of a name must match.
struct ModuleChoice {
    std::vector<std::string> names;
    std::optional<NamePattern> pattern;
    bool allLinear = false;  ///< "all-linear": every matrix but embedding and unembedding
    bool empty() const { return names.empty() && !pattern && !allLinear; }
};

/// adapter_config.json of a plain LoRA.
struct AdapterConfig {
    std::string base;
    bool rslora = false;
    std::vector<std::string> modulesToSave;

    /// Rank and alpha of a module, by its whole name in the base model: of the first pattern that ends it, as
    /// `peft.utils.other.get_pattern_key` has it.
    std::int64_t rankOf(const std::string& module) const;
    double alphaOf(const std::string& module) const;
    double scalingOf(const std::string& module) const;

    /// Whether the config says which modules are adapted; old files may leave that to PEFT.
    bool saysTargets() const { return targets.has_value(); }
    /// As `peft.tuners.tuners_utils.check_target_module_exists`. `linear`: it is a matrix of a block.
    bool isTarget(const std::string& module, bool linear) const;
    /// Whether the module has a copy of its own in PEFT (`_set_trainable`): it, or one that holds it, is
    /// named.
    bool isSaved(std::string_view module) const;

    template <class Value>
    struct ByPattern {
        std::string text;
        NamePattern pattern;
        Value value;
    };
    std::int64_t rank = 8;
    double alpha = 8;
    std::vector<ByPattern<std::int64_t>> ranks;  ///< in the file's order
    std::vector<ByPattern<double>> alphas;
    std::optional<ModuleChoice> targets;
    ModuleChoice excluded;
    std::vector<NamePattern> savedPatterns;
    std::vector<std::int64_t> layers;        ///< layers_to_transform; empty: all
    std::vector<NamePattern> layerPatterns;  ///< that find the layer's number, "idx"
};

/// Parses the text of adapter_config.json; `file` is its name in messages. Every key that changes what PEFT's
/// merge gives is understood or refused. Throws Error(Format) for a value of the wrong kind,
/// Error(Unsupported) naming the key, and what to do, for what is no plain LoRA.
AdapterConfig parseAdapterConfig(const std::string& text, const std::string& file);

}  // namespace rheo

#pragma once

#include <set>
#include <string>
#include <vector>

namespace rheo {

/// Which unknown keys of a config.json a person chose to open the model with.
struct AcceptedKeys {
    std::set<std::string> names;  ///< as messages spell them: "residual_gain", "rope_scaling.alpha"
    bool all = false;
    AcceptedKeys() = default;
    /// "all" among the names: every key.
    explicit AcceptedKeys(const std::vector<std::string>& list)
        : names(list.begin(), list.end()), all(names.count("all") != 0) {}
    bool contain(const std::string& name) const { return all || names.count(name) != 0; }
};

}  // namespace rheo

#include "core/checkpoint/tensor_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>

#include "core/base/error.h"

namespace rheo {

namespace {

/// Parts of names that wrappers of modules put anywhere, and that mean nothing.
constexpr std::string_view meaningless[] = {"_orig_mod.", "_fsdp_wrapped_module.",
                                            "_checkpoint_wrapped_module."};

/// Parts of the first component behind the prefix by which modules beside the decoder are known.
constexpr std::string_view besideDecoder[] = {"audio",     "classif",    "head",   "image", "mtp", "pooler",
                                              "projector", "qa_outputs", "reward", "score", "vis"};

/// Parts of names that say what kind of file this is.
struct Telling {
    std::string_view part;
    const char* what;
};
constexpr Telling telling[] = {
    {".lora_",
     "an adapter that is not merged: merge it once with peft (merge_and_unload) and save the model"},
    {".base_layer.",
     "an adapter that is not merged: merge it once with peft (merge_and_unload) and save the model"},
    {".qweight",
     "quantised weights, which are not read here: fetch the float32, float16 or bfloat16 version"},
    {".weight_scale",
     "quantised weights, which are not read here: fetch the float32, float16 or bfloat16 version"},
    {".weight.absmax",
     "quantised weights, which are not read here: fetch the float32, float16 or bfloat16 version"},
    {".attention.wq.", "Mistral's or Meta's own names: fetch the model in the Hugging Face layout"},
};

using Stored = std::map<std::string, const StoredTensor*, std::less<>>;

/// Names without what is meaningless anywhere in them.
std::string plainName(std::string name) {
    for (const std::string_view part : meaningless)
        for (auto at = name.find(part); at != std::string::npos; at = name.find(part, at))
            if (at == 0 || name[at - 1] == '.')
                name.erase(at, part.size());
            else
                at += part.size();
    return name;
}

Stored collect(const std::vector<const StoredTensor*>& tensors, const std::string& where) {
    Stored stored;
    for (const StoredTensor* tensor : tensors) {
        const auto [entry, isNew] = stored.emplace(plainName(tensor->name), tensor);
        if (!isNew)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("{}: tensors {} and {} are the same parameter", where,
                                    entry->second->name, tensor->name),
                        where);
    }
    return stored;
}

/// Finds what stands before the names of a decoder.
class PrefixFinder {
public:
    PrefixFinder(const ModelConfig& config, const Stored& stored, const std::string& where)
        : m_config(config), m_names(config.names), m_stored(stored), m_where(where) {
        for (const ParameterSpec& parameter : expectedParameters(config))
            if (!parameter.name.starts_with(m_names.unembedding + "."))
                m_endings.push_back(parameter.name.substr(m_names.prefix.size()));
    }

    /// The prefix that stands in place of TensorNames::prefix.
    std::string find() const {
        std::optional<std::string> best;
        std::size_t most = 0;
        for (const std::string& prefix : candidates()) {
            const std::size_t found = countBehind(prefix);
            if (best && found == most && found == m_endings.size())
                throw Error(
                    ErrorCode::Mismatch,
                    fmt::format("{}: the weights hold two decoders, under '{}' and '{}'; save the one "
                                "that is meant by itself",
                                m_where, *best, prefix),
                    m_where);
            if (best && found <= most) continue;
            best = prefix;
            most = found;
        }
        return best.value_or(m_names.prefix);
    }

private:
    /// What stands before the embedding or the first block's output projection, shortest first.
    std::vector<std::string> candidates() const {
        const std::string anchor =
            blockTensorName(m_config, 0, m_names.attnOut, ".weight").substr(m_names.prefix.size());
        std::set<std::pair<std::size_t, std::string>> found;
        for (const auto& [name, tensor] : m_stored)
            for (const std::string& ending : {m_names.embedding + ".weight", anchor}) {
                if (!name.ends_with(ending)) continue;
                const std::string prefix = name.substr(0, name.size() - ending.size());
                if (prefix.empty() || prefix.back() == '.') found.emplace(prefix.size(), prefix);
            }
        std::vector<std::string> list;
        constexpr std::size_t enough = 16;
        for (const auto& [length, prefix] : found)
            if (list.size() < enough) list.push_back(prefix);
        return list;
    }

    std::size_t countBehind(const std::string& prefix) const {
        return static_cast<std::size_t>(
            std::count_if(m_endings.begin(), m_endings.end(),
                          [&](const std::string& ending) { return m_stored.count(prefix + ending) != 0; }));
    }

    const ModelConfig& m_config;
    const TensorNames& m_names;
    const Stored& m_stored;
    const std::string& m_where;
    std::vector<std::string> m_endings;  ///< names of parameters without the prefix
};

/// What stands before the unembedding: the longest part of `prefix`, ending at a dot, under which there is
/// one. Empty where there is none.
std::string headPrefix(const TensorNames& names, const Stored& stored, std::string prefix) {
    while (true) {
        if (stored.count(prefix + names.unembedding + ".weight") != 0) return prefix;
        if (prefix.empty()) return "";
        const auto dot = prefix.rfind('.', prefix.size() - 2);
        prefix = dot == std::string::npos ? "" : prefix.substr(0, dot + 1);
    }
}

bool sameValues(const StoredTensor& a, const StoredTensor& b) {
    return a.type == b.type && a.blocks == b.blocks && a.scaled == b.scaled && a.shape == b.shape &&
           std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

/// Names with each number as "*", and how many there are of each.
std::string listedPatterns(const std::vector<std::string>& names) {
    std::map<std::string, int> counts;
    for (const std::string& name : names) {
        std::string pattern;
        for (const char c : name) {
            const bool digit =
                c >= '0' && c <= '9' && (pattern.empty() || pattern.back() == '.' || pattern.back() == '*');
            if (!digit)
                pattern += c;
            else if (pattern.empty() || pattern.back() != '*')
                pattern += '*';
        }
        ++counts[pattern];
    }
    std::vector<std::string> list;
    for (const auto& [pattern, count] : counts)
        list.push_back(count == 1 ? pattern : fmt::format("{} ({})", pattern, count));
    return listedNames(list, 8);
}

class Matcher {
public:
    Matcher(const ModelConfig& config, const Stored& stored, const std::string& where)
        : m_config(config),
          m_names(config.names),
          m_stored(stored),
          m_where(where),
          m_prefix(PrefixFinder(config, stored, where).find()),
          m_headPrefix(headPrefix(config.names, stored, m_prefix)) {}

    TensorMatch match() {
        decideTying();
        ModelConfig asStored = m_config;
        asStored.tiedUnembedding = m_match.tied;
        for (const ParameterSpec& parameter : expectedParameters(asStored)) expect(parameter);
        std::vector<std::string> outside, inside;
        for (const auto& [name, tensor] : m_stored)
            if (m_used.count(name) == 0) (isOutside(name) ? outside : inside).push_back(name);
        refuseMisfits(inside);
        if (!isUsualPrefix())
            m_match.notes.push_back(
                fmt::format("the names of the decoder's tensors begin with {}", m_prefix));
        if (!m_match.scaled.empty())
            m_match.notes.push_back(fmt::format(
                "{} of 8-bit floats with scales {} expanded; states are not rounded to 8 bits, as some "
                "programs round them",
                m_match.scaled.size() == 1 ? "1 matrix" : fmt::format("{} matrices", m_match.scaled.size()),
                m_match.scaled.size() == 1 ? "is" : "are"));
        if (!outside.empty())
            m_match.notes.push_back(
                fmt::format("{} stored tensors are no parameters of the decoder and are left out: {}",
                            outside.size(), listedPatterns(outside)));
        return std::move(m_match);
    }

private:
    std::string embeddingName() const { return m_names.prefix + m_names.embedding + ".weight"; }
    std::string headName() const { return m_names.unembedding + ".weight"; }

    std::string storedName(const std::string& name) const {
        if (name.starts_with(m_names.unembedding + ".")) return m_headPrefix + name;
        return m_prefix + name.substr(m_names.prefix.size());
    }
    const StoredTensor* stored(const std::string& name) const {
        const auto found = m_stored.find(storedName(name));
        return found == m_stored.end() ? nullptr : found->second;
    }

    void decideTying() {
        const StoredTensor* head = stored(headName());
        const StoredTensor* embedding = stored(embeddingName());
        m_match.tied = head == nullptr;
        if (head == nullptr && embedding != nullptr && !m_config.tiedUnembedding)
            m_match.notes.push_back(
                fmt::format("tie_word_embeddings is false, and there is no {}: the embedding is used in its "
                            "place, so the "
                            "logits are right only if the model was tied",
                            headName()));
        if (head == nullptr || !m_config.tiedUnembedding) return;
        if (embedding == nullptr) {
            // The reference ties to whichever of the two is there.
            m_match.tied = true;
            m_alias = head;
            m_used.insert(storedName(headName()));
            m_match.notes.push_back(
                fmt::format("there is no {}, and tie_word_embeddings is true: {} is used in its place",
                            storedName(embeddingName()), head->name));
        } else if (sameValues(*head, *embedding)) {
            m_match.tied = true;
            m_used.insert(storedName(headName()));
        } else {
            m_match.notes.push_back(
                fmt::format("tie_word_embeddings is true, and {} differs from {}: the stored {} is used",
                            head->name, embedding->name, head->name));
        }
    }

    /// A matrix of 8-bit floats with its scales; the same tensor where the config says nothing of scales.
    /// Null where the scales are missing or misshapen, which is noted.
    const StoredTensor* withScales(const StoredTensor& matrix, const std::string& name) {
        if (!m_config.scaledWeights || !isSmallFloat(matrix.type)) return &matrix;
        const std::string base = name.substr(0, name.size() - std::string_view("weight").size());
        const std::string scaleName = base + m_config.scaledWeights->suffix;
        const auto found = m_stored.find(scaleName);
        if (!name.ends_with(".weight") || found == m_stored.end()) {
            m_missing.push_back(scaleName);
            return nullptr;
        }
        const auto grid = scaleGrid(*m_config.scaledWeights, matrix, *found->second);
        if (!grid) {
            m_misshapen.push_back(fmt::format("{}, of type {}, is [{}], which does not fit {} of [{}]",
                                              scaleName, storedTypeName(found->second->type),
                                              fmt::join(found->second->shape, ", "), matrix.name,
                                              fmt::join(matrix.shape, ", ")));
            return nullptr;
        }
        m_used.insert(scaleName);
        // What rounds activations is no part of the weights.
        for (const char* ofActivations : {"input_scale", "activation_scale"})
            if (m_stored.count(base + ofActivations) != 0) m_used.insert(base + ofActivations);
        StoredTensor& scaled = m_match.scaled.emplace_back(matrix);
        scaled.scaled = std::make_shared<const ScaleGrid>(*grid);
        return &scaled;
    }

    void expect(const ParameterSpec& parameter) {
        const std::string name = storedName(parameter.name);
        const StoredTensor* tensor = stored(parameter.name);
        if (tensor == nullptr && parameter.name == embeddingName()) tensor = m_alias;
        if (tensor == nullptr) {
            m_missing.push_back(name);
            return;
        }
        m_used.insert(name);
        tensor = withScales(*tensor, name);
        if (tensor == nullptr) return;
        const StoredType type = tensor->type;
        const bool isFloat = type == StoredType::F32 || type == StoredType::F16 || type == StoredType::BF16 ||
                             type == StoredType::F64 || tensor->scaled != nullptr;
        if (tensor->shape != parameter.shape)
            m_misshapen.push_back(fmt::format("{} is [{}] where the config says [{}]", tensor->name,
                                              fmt::join(tensor->shape, ", "),
                                              fmt::join(parameter.shape, ", ")));
        else if (!isFloat)
            throw Error(ErrorCode::Unsupported,
                        fmt::format("{}: tensor {} holds {}; weights are read as F32, F16, BF16 or F64",
                                    m_where, tensor->name, storedTypeName(type)),
                        m_where);
        m_match.parameters[parameter.name] = tensor;
    }

    bool isBuffer(const std::string& name) const {
        const auto endsWith = [&](std::string_view ending) {
            return name.ends_with(ending) &&
                   (name.size() == ending.size() || name[name.size() - ending.size() - 1] == '.');
        };
        return endsWith("rotary_emb.inv_freq") ||
               std::any_of(m_names.buffers.begin(), m_names.buffers.end(), endsWith);
    }

    /// Whether a tensor that is no parameter changes nothing that is computed. What stands under the
    /// decoder's prefix may well change it, unless its name says that it is another head or tower.
    bool isOutside(const std::string& name) const {
        if (isBuffer(name)) return true;
        if (name.starts_with(m_headPrefix + m_names.unembedding + ".")) return false;
        if (!name.starts_with(m_prefix)) return true;
        const std::string rest = name.substr(m_prefix.size());
        const std::string first = rest.substr(0, rest.find('.'));
        if (rest.starts_with(m_names.block.substr(0, m_names.block.find("{}")))) return false;
        return std::any_of(std::begin(besideDecoder), std::end(besideDecoder),
                           [&](std::string_view part) { return first.find(part) != std::string::npos; });
    }

    bool isUsualPrefix() const { return m_names.prefix.ends_with(m_prefix); }

    /// "; this looks like WHAT" where the names tell what kind of file this is.
    std::string explanation() const {
        for (const auto& [part, what] : telling)
            for (const auto& [name, tensor] : m_stored)
                if (name.find(part) != std::string::npos &&
                    !(m_config.scaledWeights && part == ".weight_scale"))
                    return fmt::format("; this looks like {}", what);
        return "";
    }

    void refuseMisfits(const std::vector<std::string>& surplus) const {
        const auto refuse = [&](const char* what, const std::vector<std::string>& list) {
            throw Error(ErrorCode::Mismatch,
                        fmt::format("{}: the weights do not fit the config, {}: {}{}", m_where, what,
                                    listedNames(list, 5), explanation()),
                        m_where);
        };
        if (!m_missing.empty()) refuse("tensors are missing", m_missing);
        if (!m_misshapen.empty()) refuse("tensors have another shape", m_misshapen);
        if (!surplus.empty()) refuse("the config does not account for tensors", surplus);
    }

    const ModelConfig& m_config;
    const TensorNames& m_names;
    const Stored& m_stored;
    const std::string& m_where;
    std::string m_prefix, m_headPrefix;
    const StoredTensor* m_alias = nullptr;  ///< stands for the embedding where that is not stored
    std::set<std::string> m_used;
    std::vector<std::string> m_missing, m_misshapen;
    TensorMatch m_match;
};

}  // namespace

TensorMatch matchTensors(const ModelConfig& config, const std::vector<const StoredTensor*>& tensors,
                         const std::string& where) {
    const Stored stored = collect(tensors, where);
    return Matcher(config, stored, where).match();
}

}  // namespace rheo

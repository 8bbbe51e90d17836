#include "core/checkpoint/adapter.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/output_file.h"
#include "core/checkpoint/adapter_config.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/model_cache.h"
#include "core/checkpoint/model_files.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr const char* configFile = "adapter_config.json";
constexpr const char* weightsFile = "adapter_model.safetensors";
constexpr std::uintmax_t maxConfigBytes = 4 << 20;

/// What a name in an adapter's file says.
struct NameParts {
    enum class Kind { A, B, EmbeddingA, EmbeddingB, Weight, Bias };
    Kind kind = Kind::A;
    std::string module;        ///< whole name of the module in the base model
    std::string set;           ///< name of the adapter, where the file has one ("default")
    bool ofBaseLayer = false;  ///< stored in full, of a module that is adapted too
};

/// A name that a plain LoRA does not have is empty.
std::optional<NameParts> partsOf(std::string name) {
    constexpr std::string_view before = "base_model.model.";
    if (name.starts_with(before)) name.erase(0, before.size());
    NameParts parts;
    const auto cut = [&](std::string_view ending) {
        if (!name.ends_with(ending)) return false;
        name.resize(name.size() - ending.size());
        return true;
    };
    const auto lora = name.rfind(".lora_");
    if (lora == std::string::npos) {
        if (!cut(".weight")) {
            if (!cut(".bias")) return std::nullopt;
            parts.kind = NameParts::Kind::Bias;
        } else {
            parts.kind = NameParts::Kind::Weight;
        }
        parts.ofBaseLayer = cut(".base_layer");
        parts.module = name;
        return parts;
    }
    std::string rest = name.substr(lora + 1);  // lora_A.default.weight
    parts.module = name.substr(0, lora);
    struct Side {
        std::string_view begins;
        NameParts::Kind kind;
        bool isModule;  ///< its tensor is called "weight"
    };
    for (const Side& side :
         {Side{"lora_A", NameParts::Kind::A, true}, Side{"lora_B", NameParts::Kind::B, true},
          Side{"lora_embedding_A", NameParts::Kind::EmbeddingA, false},
          Side{"lora_embedding_B", NameParts::Kind::EmbeddingB, false}}) {
        if (rest != side.begins && !rest.starts_with(std::string(side.begins) + ".")) continue;
        parts.kind = side.kind;
        rest.erase(0, side.begins.size());
        if (side.isModule) {
            if (!rest.ends_with(".weight")) return std::nullopt;
            rest.resize(rest.size() - std::string_view(".weight").size());
        }
        if (!rest.empty()) parts.set = rest.substr(1);
        if (parts.set.find('.') != std::string::npos) return std::nullopt;
        return parts;
    }
    return std::nullopt;
}

std::string shapeText(const std::vector<std::int64_t>& shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

/// Which parameter of the model a module's tensors are.
class ModuleNames {
public:
    explicit ModuleNames(const ModelConfig& config) : m_names(config.names) {
        for (const ParameterSpec& parameter : expectedParameters(config)) {
            m_shapes[parameter.name] = parameter.shape;
            const std::string base = parameter.name.substr(0, parameter.name.rfind('.'));
            if (base != m_names.unembedding) m_endings[base.substr(m_names.prefix.size())] = base;
        }
        m_shapes.emplace(headWeight(), m_shapes.at(embeddingWeight()));  // where it is tied
    }

    /// "model.layers.0.mlp.up_proj" in `module`, whatever stands before it there: the name that TensorNames
    /// gives, and what stood there in place of the prefix. Empty: it is none.
    struct Found {
        std::string base, prefix;
    };
    std::optional<Found> find(const std::string& module) const {
        for (std::size_t at = 0; at != std::string::npos;) {
            const std::string ending = module.substr(at);
            if (ending == m_names.unembedding) return Found{ending, ""};
            if (const auto found = m_endings.find(ending); found != m_endings.end())
                return Found{found->second, module.substr(0, at)};
            const auto dot = module.find('.', at);
            at = dot == std::string::npos ? dot : dot + 1;
        }
        return std::nullopt;
    }

    const std::vector<std::int64_t>* shapeOf(const std::string& parameter) const {
        const auto found = m_shapes.find(parameter);
        return found == m_shapes.end() ? nullptr : &found->second;
    }
    std::string embeddingWeight() const { return m_names.prefix + m_names.embedding + ".weight"; }
    std::string headWeight() const { return m_names.unembedding + ".weight"; }
    bool isHead(const std::string& base) const { return base == m_names.unembedding; }
    bool isEmbedding(const std::string& base) const {
        return base == m_names.prefix + m_names.embedding ||
               (!m_names.positions.empty() && base == m_names.prefix + m_names.positions);
    }
    /// Names of the matrices, in the model's own names, with `prefix` in place of its prefix.
    std::vector<std::pair<std::string, std::string>> matrices(const std::string& prefix) const {
        std::vector<std::pair<std::string, std::string>> list{{m_names.unembedding, m_names.unembedding}};
        for (const auto& [ending, base] : m_endings)
            if (m_shapes.count(base + ".weight") != 0 && m_shapes.at(base + ".weight").size() == 2)
                list.emplace_back(prefix + ending, base);
        return list;
    }

private:
    const TensorNames& m_names;
    std::map<std::string, std::string> m_endings;  ///< names of modules without the prefix, and with it
    std::map<std::string, std::vector<std::int64_t>> m_shapes;
};

/// Two halves of what is added to a matrix.
struct Halves {
    const StoredTensor *a = nullptr, *b = nullptr;
    bool embedding = false;
    std::string set;
};

/// A parameter that the file holds in full.
struct Full {
    std::string module, parameter;
    const StoredTensor* tensor;
    bool own;          ///< PEFT keeps a copy of its own for it
    bool ofBaseLayer;  ///< its name says that the module is adapted too
};

class Reader {
public:
    Reader(fs::path folder, const ModelConfig& config)
        : m_config(config), m_modules(config), m_adapter(std::make_shared<Adapter>()) {
        m_adapter->folder = std::move(folder);
        m_adapter->name = modelTitle(m_adapter->folder);
    }

    std::shared_ptr<const Adapter> read() {
        const fs::path configPath = existingFile(m_adapter->folder, configFile);
        m_lora = parseAdapterConfig(readFile(configPath, maxConfigBytes), configPath.string());
        m_adapter->base = m_lora.base;
        m_adapter->rslora = m_lora.rslora;
        const fs::path weights = openWeights();
        m_where = weights.string();
        for (const StoredTensor& tensor : m_adapter->file->tensors()) sort(tensor);
        if (m_halves.empty() && m_full.empty())
            mismatch(fmt::format("{} holds no tensors, so there is nothing to merge", m_where));
        checkPrefix();
        std::set<std::int64_t> ranks;
        std::set<double> alphas;
        std::set<std::string> targets;
        for (const auto& [module, halves] : m_halves) {
            checkHalves(module, halves);
            ranks.insert(m_lora.rankOf(module));
            alphas.insert(m_lora.alphaOf(module));
            targets.insert(module.substr(module.rfind('.') + 1));
        }
        m_adapter->ranks.assign(ranks.begin(), ranks.end());
        m_adapter->alphas.assign(alphas.begin(), alphas.end());
        m_adapter->targets.assign(targets.begin(), targets.end());
        m_adapter->matrices = static_cast<std::int64_t>(m_halves.size());
        change();
        noteUntouched();
        m_adapter->configSha256 = sha256OfFile(configPath);
        return m_adapter;
    }

private:
    [[noreturn]] void mismatch(const std::string& message) const {
        throw Error(ErrorCode::Mismatch, message, m_where);
    }

    fs::path openWeights() {
        const fs::path& folder = m_adapter->folder;
        std::error_code failed;
        if (!fs::exists(fs::symlink_status(folder / weightsFile, failed)) &&
            fs::exists(folder / "adapter_model.bin", failed))
            throw Error(
                ErrorCode::NotFound,
                fmt::format("{} holds adapter_model.bin and no {}; a pickle is never loaded, because it "
                            "can run code: load the adapter once with peft and save it again "
                            "(save_pretrained writes {})",
                            folder.string(), weightsFile, weightsFile),
                folder.string());
        const fs::path path = existingFile(folder, weightsFile);
        m_adapter->file = SafetensorsFile::open(path);
        return path;
    }

    /// Puts a tensor where it belongs, by its name.
    void sort(const StoredTensor& tensor) {
        refuseOtherKinds(tensor);
        const auto parts = partsOf(tensor.name);
        const auto found = parts ? m_modules.find(parts->module) : std::nullopt;
        const bool bias = parts && parts->kind == NameParts::Kind::Bias;
        const std::string parameter = found ? found->base + (bias ? ".bias" : ".weight") : "";
        if (m_modules.shapeOf(parameter) == nullptr)
            mismatch(fmt::format("{}: tensor {} fits no parameter of the model ({})", m_where, tensor.name,
                                 m_config.architecture));
        if (!m_modules.isHead(found->base)) ++m_prefixes[found->prefix];
        m_bases[parts->module] = *found;
        std::int64_t count = 1;
        for (const std::int64_t extent : tensor.shape) count *= extent;
        m_adapter->parameters += count;
        if (bias || parts->kind == NameParts::Kind::Weight)
            addFull(tensor, *parts, parameter);
        else
            addHalf(tensor, *parts);
    }

    void addFull(const StoredTensor& tensor, const NameParts& parts, const std::string& parameter) {
        const bool ofVocabulary =
            parameter == m_modules.embeddingWeight() || parameter == m_modules.headWeight();
        const std::vector<std::int64_t>& shape = *m_modules.shapeOf(parameter);
        if (tensor.shape != shape)
            mismatch(fmt::format(
                "{}: tensor {} is {} where the model has {}{}", m_where, tensor.name, shapeText(tensor.shape),
                shapeText(shape),
                ofVocabulary ? "; was the base's vocabulary resized for this adapter? Then resize it with "
                               "transformers, merge the adapter with peft and save the model"
                             : ""));
        m_full.push_back({parts.module, parameter, &tensor,
                          !parts.ofBaseLayer && m_lora.isSaved(parts.module), parts.ofBaseLayer});
    }

    void addHalf(const StoredTensor& tensor, const NameParts& parts) {
        Halves& halves = m_halves[parts.module];
        const bool isA = parts.kind == NameParts::Kind::A || parts.kind == NameParts::Kind::EmbeddingA;
        const bool embedding =
            parts.kind == NameParts::Kind::EmbeddingA || parts.kind == NameParts::Kind::EmbeddingB;
        const bool first = halves.a == nullptr && halves.b == nullptr;
        const StoredTensor*& half = isA ? halves.a : halves.b;
        if (half != nullptr || (!first && (halves.set != parts.set || halves.embedding != embedding)))
            mismatch(fmt::format("{}: tensor {} is a second one for its module; save one adapter by itself",
                                 m_where, tensor.name));
        half = &tensor;
        halves.embedding = embedding;
        halves.set = parts.set;
    }

    /// What is no plain LoRA, by name or type.
    void refuseOtherKinds(const StoredTensor& tensor) const {
        struct Kind {
            const char* part;
            const char* what;
        };
        for (const Kind& kind :
             {Kind{".lora_magnitude_vector", "of DoRA"}, Kind{".trainable_tokens_", "single rows"},
              Kind{".lora_B.bias", "a bias of a B matrix"},
              Kind{".lora_B.default.bias", "a bias of a B matrix"}})
            if (tensor.name.find(kind.part) != std::string::npos)
                throw Error(
                    ErrorCode::Unsupported,
                    fmt::format("{}: tensor {} is {}, which is not merged here; merge it once with peft "
                                "(merge_and_unload) and save the model",
                                m_where, tensor.name, kind.what),
                    m_where);
        const StoredType type = tensor.type;
        if (type != StoredType::F32 && type != StoredType::F16 && type != StoredType::BF16 &&
            type != StoredType::F64)
            throw Error(ErrorCode::Unsupported,
                        fmt::format("{}: tensor {} holds {}; adapters are read as F32, F16, BF16 or F64",
                                    m_where, tensor.name, storedTypeName(type)),
                        m_where);
    }

    /// All names begin alike; what begins otherwise belongs to another tower of a model of several.
    void checkPrefix() {
        std::size_t most = 0;
        for (const auto& [prefix, count] : m_prefixes)
            if (count > most) {
                most = count;
                m_prefix = prefix;
            }
        std::set<std::string> bases;
        for (const auto& [module, found] : m_bases)
            if (!bases.insert(found.base).second ||
                (!m_modules.isHead(found.base) && found.prefix != m_prefix))
                mismatch(
                    fmt::format("{}: the tensors of {} fit no parameter of the model, whose modules begin "
                                "with '{}' in this adapter",
                                m_where, module, m_prefix));
        if (!m_prefixes.empty() && m_prefix != m_config.names.prefix)
            m_adapter->notes.push_back(
                fmt::format("the names of the adapter's modules begin with '{}', where the "
                            "model's begin with '{}'",
                            m_prefix, m_config.names.prefix));
    }

    /// Whether the parameter of a linear layer is stored as [in, out].
    bool isTransposed(const std::string& base) const {
        return m_config.names.transposed && !m_modules.isHead(base);
    }

    bool isLinear(const std::string& base) const {
        return !m_modules.isHead(base) && !m_modules.isEmbedding(base);
    }

    void checkHalves(const std::string& module, const Halves& halves) const {
        const std::string& base = m_bases.at(module).base;
        if (halves.a == nullptr || halves.b == nullptr)
            mismatch(fmt::format("{}: there is {} and not its other half, so the file is incomplete", m_where,
                                 (halves.a == nullptr ? halves.b : halves.a)->name));
        if (halves.embedding != m_modules.isEmbedding(base))
            mismatch(fmt::format("{}: tensor {} is {} an embedding, and {} is {}", m_where, halves.a->name,
                                 halves.embedding ? "for" : "not for", module,
                                 halves.embedding ? "none" : "one"));
        const std::vector<std::int64_t>& shape = *m_modules.shapeOf(base + ".weight");
        if (shape.size() != 2)
            mismatch(fmt::format("{}: tensor {} belongs to {}, which is no matrix", m_where, halves.a->name,
                                 module));
        const bool swapped = halves.embedding || isTransposed(base);
        const std::int64_t in = shape[swapped ? 0 : 1], out = shape[swapped ? 1 : 0];
        const std::int64_t rank = m_lora.rankOf(module);
        checkShape(*halves.a, {rank, in}, rank);
        checkShape(*halves.b, {out, rank}, rank);
        if (!m_lora.isTarget(module, isLinear(base)))
            mismatch(fmt::format(
                "{}: it holds tensors of {}, which target_modules in {} leaves out, so PEFT would "
                "not use them; correct the one or the other",
                m_where, module, configFile));
    }

    void checkShape(const StoredTensor& tensor, const std::vector<std::int64_t>& expected,
                    std::int64_t rank) const {
        if (tensor.shape != expected)
            mismatch(fmt::format("{}: tensor {} is {} where the model and rank {} of {} make it {}", m_where,
                                 tensor.name, shapeText(tensor.shape), rank, configFile,
                                 shapeText(expected)));
    }

    /// The parameters that a change of this one changes: with a tied unembedding the embedding, which both
    /// are; where one of them is a copy, the other.
    std::vector<std::string> sharing(const std::string& parameter) const {
        const bool shared = m_config.tiedUnembedding &&
                            (parameter == m_modules.embeddingWeight() || parameter == m_modules.headWeight());
        if (!shared) return {parameter};
        if (!m_adapter->unties) return {m_modules.embeddingWeight()};
        std::vector<std::string> list;
        for (const std::string& one : {m_modules.embeddingWeight(), m_modules.headWeight()})
            if (m_own.count(one) == 0) list.push_back(one);
        return list;
    }

    /// In PEFT's order: what is stored in full, then the products; the embedding before the unembedding.
    void change() {
        std::set<std::string> replaced;
        for (const Full& full : m_full)
            if (full.own) m_own.insert(full.parameter);
        const bool embedding = m_own.count(m_modules.embeddingWeight()) != 0;
        const bool unembedding = m_own.count(m_modules.headWeight()) != 0;
        m_adapter->unties = m_config.tiedUnembedding && (embedding || unembedding);
        for (const bool head : {false, true})
            for (const Full& full : m_full) {
                if ((full.parameter == m_modules.headWeight()) != head) continue;
                const bool unused = !full.own && full.ofBaseLayer != (m_halves.count(full.module) != 0);
                if (unused)
                    mismatch(fmt::format(
                        "{}: tensor {} has no name under which PEFT reads it, as its module is {}", m_where,
                        full.tensor->name, full.ofBaseLayer ? "not adapted" : "adapted"));
                if (!full.own && m_own.count(full.parameter) != 0)
                    mismatch(fmt::format("{}: tensor {} is a second one for its parameter", m_where,
                                         full.tensor->name));
                for (const std::string& parameter :
                     full.own ? std::vector<std::string>{full.parameter} : sharing(full.parameter))
                    m_adapter->changes[parameter].replacement = full.tensor;
                replaced.insert(full.parameter);
            }
        for (const bool head : {false, true})
            for (const auto& [module, halves] : m_halves) {
                const std::string& base = m_bases.at(module).base;
                if (m_modules.isHead(base) != head) continue;
                for (const std::string& parameter : sharing(base + ".weight"))
                    m_adapter->changes[parameter].deltas.push_back(
                        {halves.a, halves.b, m_lora.scalingOf(module), halves.embedding || isTransposed(base),
                         halves.embedding});
            }
        m_adapter->replaced.assign(replaced.begin(), replaced.end());
        noteTied(embedding, unembedding);
    }

    /// `embedding`, `unembedding`: whether the adapter has one of its own.
    void noteTied(bool embedding, bool unembedding) {
        if (!m_config.tiedUnembedding) return;
        if (m_adapter->unties)
            m_adapter->notes.push_back(fmt::format(
                "the model's embedding and unembedding are one; the adapter stores {} of its own, so "
                "they are two, as in PEFT",
                embedding && unembedding ? "both, each"
                : embedding              ? "an embedding"
                                         : "an unembedding"));
        else if (m_adapter->changes.count(m_modules.embeddingWeight()) != 0)
            m_adapter->notes.push_back(
                "the model's embedding and unembedding are one, so the adapter changes both, as PEFT's merge "
                "does (before a merge, PEFT applies it to the adapted one alone)");
    }

    void noteUntouched() {
        if (!m_lora.saysTargets()) return;
        std::vector<std::string> names;
        for (const auto& [module, base] :
             m_modules.matrices(m_prefixes.empty() ? m_config.names.prefix : m_prefix))
            if (m_halves.count(module) == 0 && m_lora.isTarget(module, isLinear(base)))
                names.push_back(module);
        if (!names.empty())
            m_adapter->notes.push_back(
                fmt::format("target_modules names {} modules of which the adapter holds "
                            "nothing; they stay as they are: {}",
                            names.size(), listedNames(names, 3)));
    }

    const ModelConfig& m_config;
    ModuleNames m_modules;
    std::shared_ptr<Adapter> m_adapter;
    AdapterConfig m_lora;
    std::string m_where;
    std::map<std::string, ModuleNames::Found> m_bases;  ///< by module
    std::map<std::string, Halves> m_halves;             ///< by module
    std::vector<Full> m_full;
    std::set<std::string> m_own;                    ///< parameters of which PEFT keeps a copy
    std::map<std::string, std::size_t> m_prefixes;  ///< what stands before the modules' names, and how often
    std::string m_prefix;
};

template <class Value>
std::string rangeText(const std::vector<Value>& values) {
    if (values.empty()) return "";
    return values.size() == 1 ? fmt::format("{}", values.front())
                              : fmt::format("{} to {}", values.front(), values.back());
}

}  // namespace

std::string Adapter::summary() const {
    std::string text;
    if (matrices > 0)
        text = fmt::format("LoRA of rank {} and alpha {}{} in {} {} ({})", rangeText(ranks),
                           rangeText(alphas), rslora ? " (rslora)" : "", matrices,
                           matrices == 1 ? "matrix" : "matrices", listedNames(targets, 8));
    if (!replaced.empty())
        text += fmt::format("{}{} stored in full ({})", text.empty() ? "" : "; ", replaced.size(),
                            listedNames(replaced, 3));
    return text;
}

std::shared_ptr<const Adapter> openAdapter(const std::string& folder, const ModelConfig& config) {
    const fs::path found = locateModel(folder);
    std::error_code failed;
    if (!fs::exists(fs::symlink_status(found / configFile, failed)))
        throw Error(ErrorCode::NotFound,
                    fmt::format("{} holds no {}, so it is no adapter of PEFT{}", found.string(), configFile,
                                fs::exists(found / "config.json", failed)
                                    ? "; it is a model: give it in place of the base"
                                    : ""),
                    found.string());
    return Reader(found, config).read();
}

std::string digestOf(const Adapter& adapter) {
    Sha256 digest;
    digest.update(adapter.configSha256 + sha256OfFile(adapter.file->path()));
    return digest.hex();
}

bool isAdapterFolder(const std::string& folder) {
    try {
        return fs::is_regular_file(locateModel(folder) / configFile);
    } catch (const std::exception&) {
        return false;
    }
}

std::string baseOfAdapter(const fs::path& folder) {
    try {
        const std::string file = (folder / configFile).string();
        const auto config = parseJsonObject(readFile(file, maxConfigBytes), file);
        const auto base = config.find("base_model_name_or_path");
        if (base != config.end() && base->is_string()) return base->get<std::string>();
    } catch (const Error&) {
        return "";
    }
    return "";
}

}  // namespace rheo

#include "core/checkpoint/model_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/base/shell_word.h"
#include "core/checkpoint/adapter.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/model_cache.h"
#include "core/checkpoint/model_config.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t maxIndexBytes = 32 << 20;
constexpr const char* singleFile = "model.safetensors";
constexpr const char* indexFile = "model.safetensors.index.json";

/// A kind of file that is no model in the Hugging Face layout.
struct ForeignKind {
    std::string_view begins, ends;  ///< of the file's name
    const char* what;
    const char* next;
};

constexpr const char* savePickled =
    "a pickle is never loaded, because it can run code: fetch the model's .safetensors files, "
    "or load it once with transformers and save it with save_pretrained(OUT)";
constexpr const char* saveAgain =
    "fetch the model's .safetensors files, or load it once with transformers and save it with "
    "save_pretrained(OUT)";

/// In order of what says most about a folder.
constexpr std::array<ForeignKind, 19> foreignKinds{{
    {"adapter_config", ".json", "an adapter without its base model", ""},
    {"adapter_model", "", "the weights of an adapter without its base model", ""},
    {"consolidated", ".safetensors", "Mistral's own layout",
     "fetch config.json and model.safetensors (or model-*-of-*.safetensors and "
     "model.safetensors.index.json) from the same repository"},
    {"consolidated", ".pth", "Meta's own layout, pickled",
     "fetch config.json and the model-*.safetensors files of the -hf repository, or convert it with "
     "transformers' convert_llama_weights_to_hf.py"},
    {"", ".gguf", "several GGUF files", "give the one that is meant: FOLDER/NAME.gguf"},
    {"", ".bin", "pickled weights", savePickled},
    {"", ".pth", "pickled weights", savePickled},
    {"", ".pt", "pickled weights", savePickled},
    {"", ".ckpt", "pickled weights", savePickled},
    {"", ".h5", "weights for TensorFlow", saveAgain},
    {"", ".msgpack", "weights for Flax", saveAgain},
    {"", ".onnx", "a graph for ONNX", "fetch the model's .safetensors files"},
    {"", ".npz", "weights for MLX", "fetch the model's .safetensors files"},
    {"", ".safetensors", "safetensors weights", "fetch config.json from the same repository"},
    {"tokenizer", ".model", "a tokenizer", "fetch config.json and the model's .safetensors files too"},
    {"tokenizer", ".json", "a tokenizer", "fetch config.json and the model's .safetensors files too"},
    {"vocab", ".json", "a tokenizer", "fetch config.json and the model's .safetensors files too"},
    {"config", ".json", "a config", "fetch the model's .safetensors files too"},
    {"params", ".json", "Mistral's or Meta's own layout",
     "fetch config.json and the model's .safetensors files from the same repository"},
}};

bool isOfKind(const std::string& name, const ForeignKind& kind) {
    return name.starts_with(kind.begins) && name.ends_with(kind.ends);
}

std::vector<std::string> fileNames(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code failed;
    for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed))
        names.push_back(entry->path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

/// Files of a folder that tell what the folder holds.
struct Telling {
    const ForeignKind* kind;
    std::vector<std::string> names;  ///< sorted; never empty
};
std::optional<Telling> tellingFile(const fs::path& folder) {
    const auto names = fileNames(folder);
    for (const ForeignKind& kind : foreignKinds) {
        Telling telling{&kind, {}};
        std::copy_if(names.begin(), names.end(), std::back_inserter(telling.names),
                     [&](const std::string& name) { return isOfKind(name, kind); });
        if (!telling.names.empty()) return telling;
    }
    return std::nullopt;
}

/// " (of BASE)" for an adapter that says of which model it is one.
std::string namedBase(const ForeignKind& kind, const fs::path& folder) {
    if (!kind.begins.starts_with("adapter")) return "";
    const std::string base = baseOfAdapter(folder);
    return base.empty() ? "" : fmt::format(" (of {})", base.substr(0, 200));
}

/// What to do with a folder or file of this kind; an adapter is opened with its base.
std::string nextStep(const ForeignKind& kind, const fs::path& folder) {
    if (!kind.begins.starts_with("adapter")) return kind.next;
    const std::string base = baseOfAdapter(folder);
    return fmt::format("open its base model with it: --model {} --adapter {}, or Adapter in Open a model",
                       base.empty() ? "BASE" : shellWord(base.substr(0, 200)), shellWord(folder.string()));
}

/// Which file holds which tensor, as the index of a sharded checkpoint says.
std::map<std::string, std::string> readIndex(const fs::path& path) {
    const std::string file = path.string();
    const nlohmann::json index = parseJsonObject(readFile(path, maxIndexBytes), file);
    const auto map = index.find("weight_map");
    if (map == index.end() || !map->is_object() || map->empty())
        throw Error(ErrorCode::Format, fmt::format("{} has no weight_map", file), file);
    std::map<std::string, std::string> shards;
    for (const auto& [tensor, shard] : map->items()) {
        const std::string name = shard.is_string() ? shard.get<std::string>() : "";
        const bool plain = !name.empty() && name.find('/') == std::string::npos &&
                           name.find('\\') == std::string::npos && name.find('\0') == std::string::npos &&
                           name.size() < 256 && fs::path(name).extension() == ".safetensors";
        if (!plain)
            throw Error(ErrorCode::Format,
                        fmt::format("{}: tensor '{}' is said to be in {}, which is not the name of a "
                                    ".safetensors file in the same folder",
                                    file, tensor.substr(0, 200), shard.dump().substr(0, 200)),
                        file);
        shards[tensor] = name;
    }
    return shards;
}

void openShards(const fs::path& folder, WeightFiles& weights) {
    const std::string index = (folder / indexFile).string();
    const auto shards = readIndex(existingFile(folder, indexFile));
    std::map<std::string, std::shared_ptr<const SafetensorsFile>> files;
    for (const auto& [tensor, file] : shards)
        if (files.count(file) == 0) files[file] = SafetensorsFile::open(existingFile(folder, file));

    std::vector<std::string> absent;
    for (const auto& [tensor, file] : shards)
        if (files[file]->find(tensor) == nullptr) absent.push_back(fmt::format("{} (in {})", tensor, file));
    if (!absent.empty())
        throw Error(
            ErrorCode::Mismatch,
            fmt::format("{} names tensors that are not in their files: {}", index, listedNames(absent, 5)),
            index);
    for (const auto& [name, file] : files) {
        for (const StoredTensor& tensor : file->tensors()) {
            const auto entry = shards.find(tensor.name);
            if (entry == shards.end() || entry->second != name)
                throw Error(ErrorCode::Mismatch,
                            fmt::format("{}: tensor '{}' is in {}, and the index says {}", index, tensor.name,
                                        name, entry == shards.end() ? "nothing of it" : entry->second),
                            index);
        }
        weights.files.push_back(file);
    }
}

/// "NAME-00002-of-00005.safetensors" taken apart.
struct Numbered {
    std::string stem;
    int number = 0, count = 0;
};
std::optional<Numbered> numbered(const std::string& name) {
    constexpr std::string_view ending = ".safetensors";
    if (!name.ends_with(ending) || name.size() < ending.size() + 15) return std::nullopt;
    const std::size_t at = name.size() - ending.size() - 15;  // "-00001-of-00005"
    Numbered result{name.substr(0, at), 0, 0};
    const std::string_view digits = std::string_view(name).substr(at, 15);
    const auto number = [&](std::size_t from, int& value) {
        const char* begin = digits.data() + from;
        return std::from_chars(begin, begin + 5, value).ptr == begin + 5;
    };
    if (digits[0] != '-' || digits.substr(6, 4) != "-of-" || !number(1, result.number) ||
        !number(10, result.count))
        return std::nullopt;
    return result;
}

/// The safetensors files of a folder that may be the model's, without those of another layout.
std::vector<std::string> looseFiles(const fs::path& folder) {
    std::vector<std::string> names;
    for (const std::string& name : fileNames(folder)) {
        if (!name.ends_with(".safetensors")) continue;
        const auto kind = std::find_if(foreignKinds.begin(), foreignKinds.end(),
                                       [&](const ForeignKind& known) { return isOfKind(name, known); });
        if (kind->begins.empty()) names.push_back(name);
    }
    return names;
}

/// Shards without an index, or one file of another name. False if there is no such thing.
bool openLooseFiles(const fs::path& folder, WeightFiles& weights) {
    const auto names = looseFiles(folder);
    if (names.empty()) return false;
    std::vector<bool> present;
    for (const std::string& name : names) {
        const auto shard = numbered(name);
        const bool fits = shard && shard->number >= 1 && shard->number <= shard->count &&
                          shard->stem == numbered(names.front())->stem &&
                          (present.empty() || shard->count == static_cast<int>(present.size()));
        if (!fits) {
            if (names.size() == 1) break;
            weights.missing = fmt::format(
                "{} holds {} safetensors files ({}) and no {} that says which of them are the model; fetch "
                "it",
                folder.string(), names.size(), listedNames(names, 5), indexFile);
            return true;
        }
        present.resize(static_cast<std::size_t>(shard->count));
        present[static_cast<std::size_t>(shard->number) - 1] = true;
    }
    const auto absent = std::count(present.begin(), present.end(), false);
    if (absent > 0) {
        const auto first = std::find(present.begin(), present.end(), false) - present.begin() + 1;
        weights.missing = fmt::format(
            "{} of the {} shards in {} are missing, the first {}-{:05}-of-{:05}.safetensors; fetch "
            "the model again{}",
            absent, present.size(), folder.string(), numbered(names.front())->stem, first, present.size(),
            fetchAdvice(folder));
        return true;
    }
    for (const std::string& name : names)
        weights.files.push_back(SafetensorsFile::open(existingFile(folder, name)));
    weights.notes.push_back(
        fmt::format("the weights are read from {}, without {}",
                    names.size() == 1 ? names.front() : fmt::format("{} shards", names.size()), indexFile));
    return true;
}

/// A sentence about a file that is not there, or that links to nothing.
std::string absence(const fs::path& folder, const std::string& name) {
    std::error_code failed;
    const fs::path target = fs::read_symlink(folder / name, failed);
    return failed ? fmt::format("there is no {} in {}{}", name, folder.string(), fetchAdvice(folder))
                  : fmt::format("{} links to {}, and there is nothing{}", (folder / name).string(),
                                target.string(), fetchAdvice(folder));
}

bool isListed(const fs::path& folder, const char* name) {
    std::error_code failed;
    return fs::exists(fs::symlink_status(folder / name, failed));
}

}  // namespace

std::string fetchAdvice(const fs::path& folder) {
    const std::string command = fetchCommand(folder);
    return command.empty() ? "" : fmt::format("; fetch it with `{}`", command);
}

fs::path existingFile(const fs::path& folder, const std::string& name) {
    const fs::path path = folder / name;
    std::error_code failed;
    if (fs::exists(path, failed)) return path;
    throw Error(ErrorCode::NotFound, absence(folder, name), path.string());
}

std::optional<fs::path> ggufFileIn(const fs::path& folder) {
    std::map<std::string, std::string> models;  // the first file of each, by its name or that of its set
    for (const std::string& name : fileNames(folder)) {
        if (name.ends_with(".safetensors")) return std::nullopt;
        if (!name.ends_with(".gguf") || name.find("mmproj") != std::string::npos) continue;
        const auto part = ggufPartOf(name);
        models.emplace(part ? fmt::format("{} of {}", part->stem, part->count) : name, name);
    }
    if (models.size() != 1) return std::nullopt;
    return folder / models.begin()->second;
}

std::string describeModelFile(const fs::path& file) {
    const std::string name = file.filename().string();
    const auto kind = std::find_if(foreignKinds.begin(), foreignKinds.end(),
                                   [&](const ForeignKind& known) { return isOfKind(name, known); });
    constexpr const char* needed =
        "a model is a folder that holds config.json and model.safetensors, or a GGUF file";
    if (kind == foreignKinds.end()) return fmt::format("{} is a file, and {}", file.string(), needed);
    std::error_code failed;
    const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
    if (kind->begins != "adapter_config" && kind->begins != "adapter_model" &&
        fs::exists(folder / "config.json", failed))
        return fmt::format("{} is a file ({}), and {}: give {}", file.string(), kind->what, needed,
                           folder.string());
    return fmt::format("{} is a file ({}), and {}; {}", file.string(), kind->what, needed,
                       nextStep(*kind, folder));
}

std::string describeForeignModel(const fs::path& folder) {
    const auto telling = tellingFile(folder);
    if (!telling) return "";
    return fmt::format("{} holds no config.json, but {}{} ({}); {}{}", folder.string(), telling->kind->what,
                       namedBase(*telling->kind, folder), listedNames(telling->names, 5),
                       nextStep(*telling->kind, folder), fetchAdvice(folder));
}

std::string describeFolderWithoutConfig(const fs::path& folder) {
    const auto names = fileNames(folder);
    const auto needed =
        fmt::format("a model's folder holds config.json and model.safetensors{}", fetchAdvice(folder));
    if (names.empty()) return fmt::format("{} is empty; {}", folder.string(), needed);
    if (std::string other = describeForeignModel(folder); !other.empty()) return other;
    std::error_code failed;
    for (const std::string& name : names)
        if (fs::exists(folder / name / "config.json", failed))
            return fmt::format("{} holds no config.json, but {} in it does: give that folder",
                               folder.string(), name);
    return fmt::format("{} holds no config.json, so it is not a model folder; {}", folder.string(), needed);
}

WeightFiles openWeightFiles(const fs::path& folder) {
    WeightFiles weights;
    std::error_code failed;
    if (isListed(folder, singleFile)) {
        if (!fs::exists(folder / singleFile, failed))
            weights.missing = absence(folder, singleFile);
        else
            weights.files.push_back(SafetensorsFile::open(existingFile(folder, singleFile)));
        return weights;
    }
    if (isListed(folder, indexFile)) {
        openShards(folder, weights);
        return weights;
    }
    if (openLooseFiles(folder, weights)) return weights;
    weights.missing = fmt::format("{} holds neither {} nor {}", folder.string(), singleFile, indexFile);
    const auto telling = tellingFile(folder);
    const std::string command = fetchCommand(folder);
    if (telling && telling->kind->begins != "tokenizer" && telling->kind->begins != "vocab" &&
        telling->kind->begins != "config")
        weights.missing +=
            fmt::format(", but {}{} ({}); {}", telling->kind->what, namedBase(*telling->kind, folder),
                        listedNames(telling->names, 5), nextStep(*telling->kind, folder));
    else
        weights.missing += fmt::format("; fetch the model's .safetensors files{}",
                                       command.empty() ? "" : fmt::format(" with `{}`", command));
    return weights;
}

}  // namespace rheo

// Ollama's store: `manifests/HOST/USER/NAME/TAG`, JSON that names the layers of a model, and
// `blobs/sha256-...`, the layers (https://github.com/ollama/ollama, docs and server/manifest.go).
#include "core/checkpoint/ollama_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/model_config.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t maxManifestBytes = 1 << 20;
constexpr const char* usualHost = "registry.ollama.ai";
constexpr const char* usualUser = "library";

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// A part of a name that is a plain file name too.
bool isPlainWord(std::string_view word) {
    return !word.empty() && word.size() <= 200 && word.front() != '.' &&
           std::all_of(word.begin(), word.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == '_';
           });
}

/// "HOST/USER/NAME:TAG" as the path of a manifest below `manifests`; empty if it is no such name.
fs::path manifestOf(std::string name) {
    std::string tag = "latest";
    if (const auto colon = name.rfind(':'); colon != std::string::npos) {
        tag = name.substr(colon + 1);
        name.resize(colon);
    }
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin <= name.size();) {
        const auto slash = std::min(name.find('/', begin), name.size());
        words.push_back(name.substr(begin, slash - begin));
        begin = slash + 1;
    }
    if (words.size() > 3) return {};
    if (words.size() == 1) words.insert(words.begin(), usualUser);
    if (words.size() == 2) words.insert(words.begin(), usualHost);
    words.push_back(tag);
    fs::path path;
    for (const std::string& word : words) {
        if (!isPlainWord(word)) return {};
        path /= word;
    }
    return path;
}

/// The inverse of manifestOf.
std::string nameOf(const fs::path& manifest) {
    std::vector<std::string> words;
    for (const auto& word : manifest) words.push_back(word.string());
    if (words.size() != 4) return "";
    std::string name = words[2] + ":" + words[3];
    if (words[0] != usualHost) return words[0] + "/" + words[1] + "/" + name;
    return words[1] == usualUser ? name : words[1] + "/" + name;
}

bool isDigest(std::string_view digest) {
    constexpr std::string_view begins = "sha256:";
    return digest.starts_with(begins) && digest.size() == begins.size() + 64 &&
           digest.find_first_not_of("0123456789abcdef", begins.size()) == std::string_view::npos;
}

/// The digest of the one layer that is the model.
std::string modelDigest(const fs::path& path) {
    const std::string file = path.string();
    const auto manifest = parseJsonObject(readFile(path, maxManifestBytes), file);
    const auto layers = manifest.find("layers");
    std::string digest;
    if (layers != manifest.end() && layers->is_array())
        for (const auto& layer : *layers) {
            if (!layer.is_object()) continue;
            const std::string kind = layer.value("mediaType", nlohmann::json()).dump();
            if (kind == R"("application/vnd.ollama.image.adapter")")
                throw Error(
                    ErrorCode::Unsupported,
                    fmt::format("{}: this model of Ollama is another one with an adapter, which is not "
                                "merged here; open the model it is made from",
                                file),
                    file);
            const auto found = layer.find("digest");
            if (kind == R"("application/vnd.ollama.image.model")" && found != layer.end() &&
                found->is_string())
                digest = found->get<std::string>();
        }
    if (!isDigest(digest))
        throw Error(
            ErrorCode::Format,
            fmt::format("{} names no layer that is a model; fetch the model again with `ollama pull`", file),
            file);
    return digest;
}

fs::path blobOf(const fs::path& store, const std::string& digest) {
    return store / "blobs" / ("sha256-" + digest.substr(digest.find(':') + 1));
}

/// Paths of the manifests below `manifests`, sorted.
std::vector<fs::path> manifests(const fs::path& store) {
    std::vector<fs::path> list;
    std::error_code failed;
    const fs::path root = store / "manifests";
    constexpr std::size_t most = 100000;
    for (fs::recursive_directory_iterator entry(root, failed), end; !failed && entry != end;
         entry.increment(failed)) {
        if (entry.depth() == 3 && list.size() < most) list.push_back(entry->path().lexically_relative(root));
        if (entry.depth() >= 3) entry.disable_recursion_pending();
    }
    std::sort(list.begin(), list.end());
    return list;
}

}  // namespace

fs::path ollamaFolder() {
    if (const std::string given = environment("OLLAMA_MODELS"); !given.empty()) return given;
    fs::path own = fs::path(environment("HOME")) / ".ollama" / "models";
    const fs::path service = "/usr/share/ollama/.ollama/models";
    std::error_code failed;
    return !fs::exists(own, failed) && fs::exists(service, failed) ? service : own;
}

std::vector<std::string> ollamaModels() {
    std::vector<std::string> names;
    for (const fs::path& manifest : manifests(ollamaFolder()))
        if (std::string name = nameOf(manifest); !name.empty()) names.push_back(std::move(name));
    return names;
}

fs::path locateOllamaModel(const std::string& name) {
    const fs::path store = ollamaFolder();
    const fs::path manifest = manifestOf(name);
    std::error_code failed;
    if (manifest.empty() || !fs::is_regular_file(store / "manifests" / manifest, failed)) {
        const auto there = ollamaModels();
        throw Error(ErrorCode::NotFound,
                    fmt::format("there is no model '{}' in Ollama's store {}{}{}", name, store.string(),
                                manifest.empty() ? "" : fmt::format("; fetch it with `ollama pull {}`", name),
                                there.empty() ? "" : fmt::format(". There are {}", listedNames(there, 20))),
                    name);
    }
    const fs::path blob = blobOf(store, modelDigest(store / "manifests" / manifest));
    if (!fs::exists(blob, failed))
        throw Error(
            ErrorCode::NotFound,
            fmt::format("Ollama's model '{}' is not whole: {} is not there; fetch it again with `ollama pull "
                        "{}`",
                        name, blob.string(), name),
            blob.string());
    return blob;
}

std::string modelArgument(const fs::path& located) {
    const std::string name = ollamaNameOf(located);
    return name.empty() ? located.string() : std::string(ollamaPrefix) + name;
}

std::string ollamaNameOf(const fs::path& file) {
    if (file.parent_path().filename() != "blobs" || !file.filename().string().starts_with("sha256-"))
        return "";
    const fs::path store = file.parent_path().parent_path();
    for (const fs::path& manifest : manifests(store)) {
        try {
            if (blobOf(store, modelDigest(store / "manifests" / manifest)) == file) return nameOf(manifest);
        } catch (const Error&) {
            continue;
        }
    }
    return "";
}

}  // namespace rheo

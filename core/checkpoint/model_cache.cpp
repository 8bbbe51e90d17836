#include "core/checkpoint/model_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/model_files.h"
#include "core/checkpoint/ollama_store.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view folderPrefix = "models--";

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// "~/x" as shells and the Hugging Face libraries read it.
fs::path expanded(const std::string& path) {
    if (path == "~" || path.starts_with("~/")) return fs::path(environment("HOME") + path.substr(1));
    return path;
}

bool isPlainWord(std::string_view word) {
    if (word.empty() || word == "." || word == ".." || word.size() > 200) return false;
    return std::all_of(word.begin(), word.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_';
    });
}

/// The cache's folder name of "ORG/NAME" (or a "NAME" of the early days); empty if it is no such name.
std::string cacheName(std::string_view model) {
    const auto slash = model.find('/');
    if (slash == std::string_view::npos)
        return isPlainWord(model) ? fmt::format("{}{}", folderPrefix, model) : "";
    const std::string_view organisation = model.substr(0, slash);
    const std::string_view name = model.substr(slash + 1);
    if (!isPlainWord(organisation) || !isPlainWord(name)) return "";
    return fmt::format("{}{}--{}", folderPrefix, organisation, name);
}

/// "models--ORG--NAME" -> "ORG/NAME".
std::string modelName(std::string_view folder) {
    folder.remove_prefix(folderPrefix.size());
    const auto dashes = folder.find("--");
    if (dashes == std::string_view::npos) return std::string(folder);
    return fmt::format("{}/{}", folder.substr(0, dashes), folder.substr(dashes + 2));
}

/// The main revision in a folder models--ORG--NAME: the one refs/main names, else the newest there is.
std::optional<fs::path> mainSnapshot(const fs::path& home) {
    std::error_code failed;
    try {
        std::string revision = readFile(home / "refs" / "main", 1000);
        while (!revision.empty() &&
               (revision.back() == '\n' || revision.back() == '\r' || revision.back() == ' '))
            revision.pop_back();
        if (isPlainWord(revision) && fs::is_directory(home / "snapshots" / revision, failed))
            return home / "snapshots" / revision;
    } catch (const Error&) {
        failed.clear();  // models put there by hand have no refs
    }
    std::optional<fs::path> newest;
    fs::file_time_type when;
    for (const auto& entry : fs::directory_iterator(home / "snapshots", failed)) {
        if (!entry.is_directory(failed)) continue;
        const auto time = entry.last_write_time(failed);
        if (newest && time <= when) continue;
        newest = entry.path();
        when = time;
    }
    return newest;
}

}  // namespace

fs::path modelCacheFolder() {
    for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
        if (const std::string given = environment(name); !given.empty()) return expanded(given);
    if (const std::string home = environment("HF_HOME"); !home.empty()) return expanded(home) / "hub";
    if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty())
        return fs::path(cache) / "huggingface" / "hub";
    return fs::path(environment("HOME")) / ".cache" / "huggingface" / "hub";
}

namespace {

/// The folder, or the GGUF file in it that is the model.
fs::path modelIn(const fs::path& folder) {
    return ggufFileIn(folder).value_or(folder);
}

/// A folder that is there: itself, or its main revision.
fs::path modelOfFolder(const fs::path& path) {
    std::error_code failed;
    if (fs::exists(path / "config.json", failed) || !fs::is_directory(path / "snapshots", failed))
        return modelIn(path);
    if (const auto snapshot = mainSnapshot(path)) return modelIn(*snapshot);
    const std::string command = fetchCommand(path);
    throw Error(ErrorCode::NotFound,
                fmt::format("{} is a folder of the Hugging Face cache without a finished download; fetch the "
                            "model again{}",
                            path.string(), command.empty() ? "" : fmt::format(" with `{}`", command)),
                path.string());
}

}  // namespace

fs::path locateModel(const std::string& name) {
    std::error_code failed;
    fs::path path = expanded(name);
    if (path.has_relative_path() && !path.has_filename()) path = path.parent_path();  // "folder/"
    if (fs::is_directory(path, failed)) return modelOfFolder(path);
    if (fs::exists(path, failed)) {
        if (isGgufFile(path) || path.extension() == ".gguf") return path;
        throw Error(ErrorCode::NotFound, describeModelFile(path), path.string());
    }
    if (name.starts_with(ollamaPrefix)) return locateOllamaModel(name.substr(ollamaPrefix.size()));
    const bool isFile = path.extension() == ".gguf";
    const std::string folder = isFile ? "" : cacheName(name);
    if (folder.empty())
        throw Error(
            ErrorCode::NotFound,
            fmt::format("there is no {} {}; give a folder that holds config.json and "
                        "model.safetensors, a GGUF file, ORG/NAME of a model in the Hugging Face cache, or "
                        "{}NAME of one of Ollama's",
                        isFile ? "file" : "model folder", name, ollamaPrefix),
            name);
    const fs::path cache = modelCacheFolder();
    if (const auto snapshot = mainSnapshot(cache / folder)) return modelIn(*snapshot);
    throw Error(
        ErrorCode::NotFound,
        fmt::format("there is neither a folder {} nor a model of that name in {}; nothing is downloaded "
                    "here: fetch it with `hf download {}`",
                    name, cache.string(), name),
        name);
}

std::string fetchCommand(const fs::path& folder) {
    const bool snapshot = folder.parent_path().filename() == "snapshots";
    const std::string home = (snapshot ? folder.parent_path().parent_path() : folder).filename().string();
    if (!home.starts_with(folderPrefix)) return "";
    const std::string name = modelName(home);
    return cacheName(name) == home ? fmt::format("hf download {}", name) : "";  // a name that is safe to type
}

std::string modelTitle(const fs::path& folder) {
    fs::path home = folder;
    if (!home.has_filename()) home = home.parent_path();  // "folder/"
    if (std::string name = ollamaNameOf(home); !name.empty()) return name;
    if (home.parent_path().filename() == "snapshots" &&
        home.parent_path().parent_path().filename().string().starts_with(folderPrefix))
        home = home.parent_path().parent_path();
    const std::string name = home.filename().string();
    return name.starts_with(folderPrefix) ? modelName(name) : name;
}

std::vector<fs::path> cacheFolders() {
    std::vector<fs::path> folders;
    std::error_code failed;
    for (fs::directory_iterator entry(modelCacheFolder(), failed), end; !failed && entry != end;
         entry.increment(failed))
        if (entry->path().filename().string().starts_with(folderPrefix)) folders.push_back(entry->path());
    std::sort(folders.begin(), folders.end());
    return folders;
}

}  // namespace rheo

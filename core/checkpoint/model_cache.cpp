#include "core/checkpoint/model_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/base/shell_word.h"
#include "core/checkpoint/gguf.h"
#include "core/checkpoint/model_config.h"
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

/// "main", "step1000", "refs/pr/3": words between slashes.
bool isRevision(std::string_view name) {
    while (true) {
        const auto slash = name.find('/');
        if (!isPlainWord(name.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        name.remove_prefix(slash + 1);
    }
}

/// The snapshot that refs/NAME names in a folder models--ORG--NAME.
std::optional<fs::path> snapshotOfRef(const fs::path& home, const std::string& name) {
    std::error_code failed;
    try {
        std::string commit = readFile(home / "refs" / name, 1000);
        while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r' || commit.back() == ' '))
            commit.pop_back();
        if (isPlainWord(commit) && fs::is_directory(home / "snapshots" / commit, failed))
            return home / "snapshots" / commit;
    } catch (const Error&) {
        return std::nullopt;  // models put there by hand have no refs
    }
    return std::nullopt;
}

/// The revisions that have names, in alphabetical order.
std::vector<std::string> revisionsOf(const fs::path& home) {
    std::vector<std::string> names;
    std::error_code failed;
    const fs::path refs = home / "refs";
    for (fs::recursive_directory_iterator entry(refs, failed), end; !failed && entry != end;
         entry.increment(failed)) {
        std::string name = entry->path().lexically_relative(refs).string();
        std::error_code ignored;
        if (entry->is_regular_file(ignored) && snapshotOfRef(home, name)) names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    return names;
}

/// The main revision in a folder models--ORG--NAME: the one refs/main names, else the newest there is.
std::optional<fs::path> mainSnapshot(const fs::path& home) {
    std::error_code failed;
    if (const auto main = snapshotOfRef(home, "main")) return main;
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

/// A revision by its name, its commit, or the first 7 characters of that and more.
std::optional<fs::path> snapshotOf(const fs::path& home, const std::string& revision) {
    if (!isRevision(revision)) return std::nullopt;
    if (const auto named = snapshotOfRef(home, revision)) return named;
    std::optional<fs::path> found;
    std::error_code failed;
    constexpr std::size_t shortest = 7;
    for (fs::directory_iterator entry(home / "snapshots", failed), end; !failed && entry != end;
         entry.increment(failed)) {
        const std::string commit = entry->path().filename().string();
        if (commit == revision) return entry->path();
        if (revision.size() < shortest || !commit.starts_with(revision)) continue;
        if (found) return std::nullopt;
        found = entry->path();
    }
    return found;
}

/// "@step1000" of a snapshot, by its name or the beginning of its commit; "" of the main one.
std::string revisionSuffix(const fs::path& snapshot) {
    const fs::path home = snapshot.parent_path().parent_path();
    if (mainSnapshot(home) == snapshot) return "";
    for (const std::string& name : revisionsOf(home))
        if (snapshotOfRef(home, name) == snapshot) return fmt::format("@{}", name);
    constexpr std::size_t shown = 12;
    return fmt::format("@{}", snapshot.filename().string().substr(0, shown));
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

/// The snapshot of a revision of ORG/NAME. Throws Error(NotFound) that lists those there are.
fs::path requireRevision(const fs::path& home, const std::string& model, const std::string& revision) {
    if (const auto snapshot = snapshotOf(home, revision)) return *snapshot;
    const auto known = revisionsOf(home);
    throw Error(
        ErrorCode::NotFound,
        fmt::format("there is no revision {} of {} in {}{}; nothing is downloaded here: fetch it with `hf "
                    "download {} --revision {}`",
                    revision.substr(0, 100), model, home.parent_path().string(),
                    known.empty() ? "" : ", which has " + listedNames(known), model,
                    shellWord(revision.substr(0, 100))),
        model);
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
    const auto at = std::min(name.rfind('@'), name.size());
    const std::string model = name.substr(0, at);
    const std::string folder = isFile ? "" : cacheName(model);
    if (folder.empty())
        throw Error(
            ErrorCode::NotFound,
            fmt::format("there is no {} {}; give a folder that holds config.json and "
                        "model.safetensors, a GGUF file, ORG/NAME of a model in the Hugging Face cache, or "
                        "{}NAME of one of Ollama's",
                        isFile ? "file" : "model folder", name, ollamaPrefix),
            name);
    const fs::path cache = modelCacheFolder();
    if (at < name.size()) return modelIn(requireRevision(cache / folder, model, name.substr(at + 1)));
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
    if (cacheName(name) != home) return "";  // no name that is safe to type
    const std::string revision = snapshot ? revisionSuffix(folder) : "";
    return fmt::format("hf download {}{}", name,
                       revision.empty() ? "" : " --revision " + shellWord(revision.substr(1)));
}

std::string modelTitle(const fs::path& folder) {
    fs::path home = folder;
    if (!home.has_filename()) home = home.parent_path();  // "folder/"
    if (std::string name = ollamaNameOf(home); !name.empty()) return name;
    if (home.parent_path().filename() == "snapshots" &&
        home.parent_path().parent_path().filename().string().starts_with(folderPrefix))
        return modelName(home.parent_path().parent_path().filename().string()) + revisionSuffix(home);
    const std::string name = home.filename().string();
    return name.starts_with(folderPrefix) ? modelName(name) : name;
}

std::vector<std::string> otherRevisions(const fs::path& folder) {
    std::vector<std::string> names;
    const auto main = mainSnapshot(folder);
    for (const std::string& revision : revisionsOf(folder))
        if (snapshotOfRef(folder, revision) != main)
            names.push_back(fmt::format("{}@{}", modelName(folder.filename().string()), revision));
    return names;
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

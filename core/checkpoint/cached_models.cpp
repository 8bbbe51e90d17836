#include "core/checkpoint/cached_models.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/model_cache.h"
#include "core/checkpoint/ollama_store.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

/// Long paths would hide the reason in a list: of a file only its name is left.
std::string withoutFolder(std::string message, const std::string& folder) {
    for (const auto& [from, to] : {std::pair{folder + "/", std::string()}, {folder, "its folder"}})
        for (auto at = message.find(from); at != std::string::npos; at = message.find(from, at + to.size()))
            message = message.substr(0, at) + to + message.substr(at + from.size());
    return message;
}

/// Of the weights of a model that locateModel found; 0 if there are none.
std::int64_t weightBytes(const fs::path& model) {
    std::error_code failed;
    const bool isFile = fs::is_regular_file(model, failed);
    if (isFile && model.extension() != ".gguf")
        return static_cast<std::int64_t>(fs::file_size(model, failed));
    std::int64_t sum = 0;
    const fs::path folder = isFile ? model.parent_path() : model;
    for (fs::directory_iterator file(folder, failed), end; !failed && file != end; file.increment(failed)) {
        std::error_code dangling;
        const auto size = fs::file_size(file->path(), dangling);
        if (file->path().extension() == (isFile ? ".gguf" : ".safetensors") && !dangling)
            sum += static_cast<std::int64_t>(size);
    }
    return sum;
}

/// `home`: where it is kept, for a model that cannot be located.
CachedModel inspected(std::string name, const std::string& where, const fs::path& home) {
    CachedModel model;
    model.name = std::move(name);
    model.folder = home;
    try {
        model.folder = locateModel(where);
        ReviewedCheckpoint reviewed = openForReview(model.folder);
        model.checkpoint = std::move(reviewed.checkpoint);
        model.architecture = model.checkpoint->config().architecture;
        model.trouble = reviewed.refusal.empty() ? model.checkpoint->weightsMissing() : reviewed.refusal;
    } catch (const Error& error) {
        model.architecture = architectureOf(model.folder);
        model.trouble = error.what();
    }
    std::error_code failed;
    const bool isFile = fs::is_regular_file(model.folder, failed);
    model.trouble = withoutFolder(std::move(model.trouble),
                                  (isFile ? model.folder.parent_path() : model.folder).string());
    model.bytes = weightBytes(model.folder);
    return model;
}

}  // namespace

std::string architectureOf(const fs::path& model) {
    try {
        if (isGgufFile(model)) return ggufArchitecture(*GgufFile::open(model));
        const std::string file = (model / "config.json").string();
        const auto config = parseJsonObject(readFile(file, 4 << 20), file);
        const auto type = config.find("model_type");
        if (type != config.end() && type->is_string()) return type->get<std::string>().substr(0, 100);
    } catch (const Error&) {
        return "";
    }
    return "";
}

std::vector<CachedModel> cachedModels(Progress& progress) {
    std::vector<CachedModel> models;
    const auto folders = cacheFolders();
    const auto ollama = ollamaModels();
    const auto add = [&](CachedModel model) {
        models.push_back(std::move(model));
        const std::size_t expected = std::max(models.size(), folders.size() + ollama.size());
        progress.report(static_cast<double>(models.size()), static_cast<double>(expected));
    };
    for (const fs::path& home : folders) {
        progress.check();
        add(inspected(modelTitle(home), home.string(), home));
        for (const std::string& name : otherRevisions(home)) add(inspected(name, name, home));
    }
    for (const std::string& name : ollama) {
        progress.check();
        const std::string title = std::string(ollamaPrefix) + name;
        add(inspected(title, title, ollamaFolder()));
    }
    return models;
}

}  // namespace rheo

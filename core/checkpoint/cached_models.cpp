#include "core/checkpoint/cached_models.h"

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/model_cache.h"

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

CachedModel inspected(const fs::path& home) {
    CachedModel model;
    model.name = modelTitle(home);
    model.folder = home;
    try {
        model.folder = locateModel(home.string());
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
    const fs::path folder = isFile ? model.folder.parent_path() : model.folder;
    model.trouble = withoutFolder(std::move(model.trouble), folder.string());
    for (fs::directory_iterator file(folder, failed), end; !failed && file != end; file.increment(failed)) {
        std::error_code dangling;
        const auto size = fs::file_size(file->path(), dangling);
        if (file->path().extension() == (isFile ? ".gguf" : ".safetensors") && !dangling)
            model.bytes += static_cast<std::int64_t>(size);
    }
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
    for (const fs::path& home : folders) {
        progress.check();
        models.push_back(inspected(home));
        progress.report(static_cast<double>(models.size()), static_cast<double>(folders.size()));
    }
    return models;
}

}  // namespace rheo

#include "core/checkpoint/cached_models.h"

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/model_cache.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

/// What config.json calls a model that cannot be opened, where it says so at all.
std::string architectureOf(const fs::path& folder) {
    try {
        const std::string file = (folder / "config.json").string();
        const auto config = parseJsonObject(readFile(file, 4 << 20), file);
        const auto type = config.find("model_type");
        if (type != config.end() && type->is_string()) return type->get<std::string>().substr(0, 100);
    } catch (const Error&) {
        return "";
    }
    return "";
}

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
    model.trouble = withoutFolder(std::move(model.trouble), model.folder.string());
    std::error_code failed;
    for (fs::directory_iterator file(model.folder, failed), end; !failed && file != end;
         file.increment(failed)) {
        std::error_code dangling;
        const auto size = fs::file_size(file->path(), dangling);
        if (file->path().extension() == ".safetensors" && !dangling)
            model.bytes += static_cast<std::int64_t>(size);
    }
    return model;
}

}  // namespace

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

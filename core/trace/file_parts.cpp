#include "core/trace/file_parts.h"

#include <fmt/format.h>

#include <cstdint>

#include "core/base/error.h"

namespace rheo {

namespace {

[[noreturn]] void refuse(const Hdf5File& file, const std::string& place, const std::string& why) {
    throw Error(ErrorCode::Format, fmt::format("{}, {}: {}", file.path().string(), place, why),
                file.path().string());
}

}  // namespace

void writePoints(Hdf5File& file, const std::string& group, const std::vector<ResidualPoint>& points) {
    std::vector<std::int32_t> blocks;
    std::vector<std::string> sites;
    for (const auto& point : points) {
        blocks.push_back(point.block);
        sites.emplace_back(siteName(point.site));
    }
    file.write<std::int32_t>(group + "/block", blocks, {static_cast<std::int64_t>(blocks.size())});
    file.writeStrings(group + "/site", sites);
}

std::vector<ResidualPoint> readPoints(const Hdf5File& file, const std::string& group) {
    const auto blocks = file.read<std::int32_t>(group + "/block");
    const auto sites = file.readStrings(group + "/site");
    if (blocks.size() != sites.size()) refuse(file, group, "block and site differ in length");
    std::vector<ResidualPoint> points;
    for (std::size_t p = 0; p < blocks.size(); ++p) {
        const auto site = parseSite(sites[p]);
        if (!site)
            refuse(file, group + "/site", fmt::format("\"{}\" is no site of a residual point", sites[p]));
        points.push_back({blocks[p], *site});
    }
    return points;
}

void writeModelAttributes(Hdf5File& file, const std::string& group, const ModelIdentity& model) {
    file.setAttribute(group, "architecture", model.architecture);
    file.setAttribute(group, "dtype", model.dtype);
    file.setAttribute(group, "weights_sha256", model.weightsSha256);
    if (!model.notes.empty())
        file.setAttribute(group, "notes", fmt::format("{}", fmt::join(model.notes, "\n")));
    if (!model.acceptedKeys.empty())
        file.setAttribute(group, "accepted_config_keys",
                          fmt::format("{}", fmt::join(model.acceptedKeys, ",")));
}

ModelIdentity readModelAttributes(const Hdf5File& file, const std::string& group) {
    const auto text = [&](const char* name) { return file.textAttribute(group, name).value_or(""); };
    ModelIdentity model;
    model.architecture = text("architecture");
    model.dtype = text("dtype");
    model.weightsSha256 = text("weights_sha256");
    model.notes = splitText(text("notes"), '\n');
    model.acceptedKeys = splitText(text("accepted_config_keys"), ',');
    return model;
}

}  // namespace rheo

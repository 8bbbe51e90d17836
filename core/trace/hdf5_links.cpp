// Links inside an HDF5 file: only those that stay in it are followed.
#include "core/trace/hdf5_handles.h"

#include <algorithm>
#include <vector>

namespace rheo {

namespace {

constexpr int mostSoftLinks = 32;
constexpr std::size_t longestTarget = std::size_t{1} << 16;

/// What the value of a soft or external link says.
std::vector<char> linkValue(hid_t file, const std::string& path, std::size_t size) {
    std::vector<char> value(size <= longestTarget ? size + 1 : 1, '\0');
    if (value.size() == 1 || H5Lget_val(file, path.c_str(), value.data(), size, H5P_DEFAULT) < 0)
        return {'\0'};
    return value;
}

std::string externalFile(const std::vector<char>& value, std::size_t size) {
    const char* target = nullptr;
    const char* object = nullptr;
    unsigned flags = 0;
    if (value.size() <= size || H5Lunpack_elink_val(value.data(), size, &flags, &target, &object) < 0)
        return {};
    return target;
}

std::optional<std::string> follow(hid_t file, std::string at, const std::string& name, int softLinksLeft) {
    if (name.starts_with('/')) at.clear();
    for (std::size_t begin = 0; begin < name.size();) {
        const std::size_t end = std::min(name.find('/', begin), name.size());
        const std::string step = name.substr(begin, end - begin);
        begin = end + 1;
        if (step.empty() || step == ".") continue;
        const std::string path = at + "/" + step;
        H5L_info_t link;
        if (H5Lexists(file, path.c_str(), H5P_DEFAULT) <= 0 ||
            H5Lget_info(file, path.c_str(), &link, H5P_DEFAULT) < 0)
            return std::nullopt;
        if (link.type == H5L_TYPE_HARD) {
            at = path;
        } else if (link.type == H5L_TYPE_SOFT) {
            const std::vector<char> target = linkValue(file, path, link.u.val_size);
            if (softLinksLeft == 0) return std::nullopt;
            const auto found = follow(file, at, target.data(), softLinksLeft - 1);
            if (!found) return std::nullopt;
            at = *found == "/" ? "" : *found;
        } else {
            throw LinkLeavesFile{path,
                                 link.type == H5L_TYPE_EXTERNAL
                                     ? externalFile(linkValue(file, path, link.u.val_size), link.u.val_size)
                                     : ""};
        }
    }
    return at.empty() ? "/" : at;
}

}  // namespace

std::optional<std::string> hardPath(hid_t file, const std::string& name) {
    return follow(file, "", name, mostSoftLinks);
}

}  // namespace rheo

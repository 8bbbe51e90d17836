#include "app/resource_paths.h"

#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "core/base/error.h"

namespace rheo {

namespace fs = std::filesystem;

fs::path resourceFolder() {
    std::vector<fs::path> places;
    if (const char* named = std::getenv("RHEO_RESOURCES"); named != nullptr && *named != '\0')
        places.emplace_back(named);
    std::error_code ignored;
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
    if (!program.empty()) places.push_back(program.parent_path().parent_path() / "share" / "rheograph");
    places.emplace_back(RHEO_SOURCE_RESOURCES);

    std::string tried;
    for (const auto& place : places) {
        if (fs::exists(place / "demo-model" / "config.json", ignored)) return place;
        tried += (tried.empty() ? "" : ", ") + place.string();
    }
    throw Error(ErrorCode::NotFound,
                "the built-in demo is not there (looked in " + tried +
                    "); install the program again, or name the folder in RHEO_RESOURCES");
}

}  // namespace rheo

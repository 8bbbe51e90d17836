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
    // Installed as PREFIX/bin/rheo, and as PREFIX/libexec/rheograph/rheo-engine.
    for (fs::path folder = program.parent_path(); folder.has_relative_path(); folder = folder.parent_path())
        if (const fs::path shared = folder.parent_path() / "share" / "rheograph"; fs::exists(shared, ignored))
            places.push_back(shared);
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

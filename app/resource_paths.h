#pragma once

#include <filesystem>

namespace rheo {

/// Folder of what the program ships (demo-model/, prompts/): the environment's RHEO_RESOURCES, else
/// share/rheograph beside the installed program, else the source tree it was built from.
/// Throws Error(NotFound) naming the places that were looked at.
std::filesystem::path resourceFolder();

inline std::filesystem::path demoModelFolder() {
    return resourceFolder() / "demo-model";
}
inline std::filesystem::path demoPromptsFile() {
    return resourceFolder() / "prompts" / "novels.txt";
}

}  // namespace rheo

#pragma once

#include <filesystem>

namespace rheo {

/// Folder of what the program ships (demo-model/, demo/, prompts/): the environment's RHEO_RESOURCES, else
/// share/rheograph beside the installed program, else the source tree it was built from.
/// Throws Error(NotFound) naming the places that were looked at.
std::filesystem::path resourceFolder();

/// The model that the demo was captured from. Throws as resourceFolder().
inline std::filesystem::path demoModelFolder() {
    return resourceFolder() / "demo-model";
}
/// Results of the demo model; their trace lies beside them.
inline std::filesystem::path demoResultsFile() {
    return resourceFolder() / "demo" / "demo.results.h5";
}
/// The same of a published model, which is not shipped itself.
inline std::filesystem::path publishedResultsFile() {
    return resourceFolder() / "demo" / "smollm2.results.h5";
}
constexpr const char* publishedModelName = "HuggingFaceTB/SmolLM2-135M-Instruct";
inline std::filesystem::path demoPromptsFile() {
    return resourceFolder() / "prompts" / "novels.txt";
}

}  // namespace rheo

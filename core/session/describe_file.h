#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace rheo {

/// What a file is, told by its contents, and what can be done with it.
struct FileDescription {
    using Value = std::variant<std::string, std::int64_t, std::vector<std::string>>;
    /// "trace", "results", "teleport", "patch_map", "attribution", "intervention", "hdf5", "safetensors",
    /// "gguf", "npy", "npz", "pytorch", "json", "text", "session"; "system" of describeSystem
    std::string kind;
    std::string summary;                               ///< a line for people: "results of rheo analyze"
    std::vector<std::pair<std::string, Value>> facts;  ///< key (snake_case) and value, in order
    std::string next;                                  ///< the command for it, or what it needs; may be empty
};

/// Reads headers and names only, except that the lines of a text are counted. A trace is only told apart.
/// Throws Error(NotFound, Io, Format) for a file that is absent, not a regular one, empty, damaged, or none
/// of these.
FileDescription describeFile(const std::filesystem::path& path);

}  // namespace rheo

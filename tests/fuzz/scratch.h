#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/fuzz/expect.h"

/// A folder of this process for parsers that read files, in memory where that is possible. Removed when the
/// process ends by itself.
inline const std::filesystem::path& scratch() {
    struct Folder {
        std::filesystem::path path;
        Folder() {
            std::error_code failed;
            const std::filesystem::path memory = "/dev/shm";
            const bool inMemory =
                std::filesystem::is_directory(memory, failed) && ::access(memory.c_str(), W_OK) == 0;
            std::string name = ((inMemory ? memory : std::filesystem::temp_directory_path()) / "fuzz-XXXXXX");
            expect(::mkdtemp(name.data()) != nullptr, "no folder to try in");
            path = name;
        }
        ~Folder() {
            std::error_code failed;
            std::filesystem::remove_all(path, failed);
        }
    };
    static const Folder folder;
    return folder.path;
}

inline std::filesystem::path put(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.close();
    expect(out.good(), "no file to try");
    return path;
}

/// A text of the input, up to a null byte, which is taken from it.
inline std::string_view nextText(std::string_view& input) {
    const auto end = std::min(input.find('\0'), input.size());
    const std::string_view text = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    return text;
}

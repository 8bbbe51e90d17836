#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace rheo {

/// SHA-256, fed in pieces.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(std::span<const std::byte> bytes);
    void update(const std::string& bytes);
    /// The digest of all that was fed, 64 lower-case hexadecimal digits. Ends the object's use.
    std::string hex();
    /// The first 8 bytes of the digest, little endian. Ends the object's use.
    std::uint64_t leading64();

private:
    struct State;
    std::unique_ptr<State> m_state;
};

/// Digest of a whole file. Throws Error(Io or NotFound) naming the file.
std::string sha256OfFile(const std::filesystem::path& path);

}  // namespace rheo

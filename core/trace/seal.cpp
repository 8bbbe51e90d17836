#include "core/trace/seal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "core/base/error.h"
#include "core/base/file_identity.h"
#include "core/base/hash.h"
#include "core/trace/file_descriptor.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view firstLine = "rheograph seal 1\n";

[[noreturn]] void throwDamaged(const fs::path& path, const std::string& what) {
    throw Error(
        ErrorCode::Format,
        fmt::format("{} is damaged: {} (or another program changed it); restore it or make it again. If "
                    "the change was meant, h5unjam --delete -i FILE -o NEW leaves the digest out",
                    path.string(), what),
        path.string());
}

/// The lines that are part of what is digested.
std::string linesOf(std::int64_t size, const std::vector<OpenRange>& open) {
    std::string lines = fmt::format("size {}\n", size);
    for (const auto& range : open)
        lines += fmt::format("open {} {} {}\n", range.dataset, range.offset, range.bytes);
    return lines;
}

/// Digest of the lines and of the bytes from the end of the block to `size`, without the open ranges.
std::string digestOf(const FileDescriptor& file, std::int64_t size, const std::vector<OpenRange>& open) {
    Sha256 hash;
    hash.update(linesOf(size, open));
    std::vector<std::byte> buffer(std::size_t{1} << 20);
    const auto add = [&](std::int64_t from, std::int64_t to) {
        while (from < to) {
            const auto piece = std::span(buffer).first(
                static_cast<std::size_t>(std::min<std::int64_t>(to - from, std::ssize(buffer))));
            file.readExact(from, piece);
            hash.update(piece);
            from += std::ssize(piece);
        }
    };
    std::int64_t at = sealBytes;
    for (const auto& range : open) {
        add(at, range.offset);
        at = range.offset + range.bytes;
    }
    add(at, size);
    return hash.hex();
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(at), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

std::optional<std::int64_t> wholeNumber(std::string_view digits) {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc{} || end != digits.data() + digits.size() || value < 0) return std::nullopt;
    return value;
}

/// What the block says; nothing where it is not as writeSeal writes it.
std::optional<Seal> parse(std::string_view block) {
    block = block.substr(firstLine.size());
    block = block.substr(0, block.find('\0'));
    const auto lines = split(block, '\n');
    if (lines.size() < 2 || !lines[0].starts_with("sha256 ") || !lines[1].starts_with("size "))
        return std::nullopt;
    Seal seal;
    seal.digest = lines[0].substr(7);
    const auto size = wholeNumber(lines[1].substr(5));
    if (!size) return std::nullopt;
    seal.size = *size;
    std::int64_t end = sealBytes;
    for (std::size_t i = 2; i < lines.size(); ++i) {
        const auto words = split(lines[i], ' ');
        if (words.size() != 4 || words[0] != "open") return std::nullopt;
        const auto offset = wholeNumber(words[2]), bytes = wholeNumber(words[3]);
        if (!offset || !bytes || *offset < end || *bytes > seal.size || *offset > seal.size - *bytes)
            return std::nullopt;
        seal.open.push_back({std::string(words[1]), *offset, *bytes});
        end = *offset + *bytes;
    }
    return seal;
}

}  // namespace

const OpenRange* Seal::find(const std::string& dataset) const {
    const auto found =
        std::find_if(open.begin(), open.end(), [&](const OpenRange& r) { return r.dataset == dataset; });
    return found == open.end() ? nullptr : &*found;
}

std::optional<Seal> readSeal(const fs::path& path) {
    const FileDescriptor file(path);
    const std::int64_t bytes = identityOf(file.number(), path).bytes;
    if (bytes < sealBytes) return std::nullopt;
    std::array<std::byte, sealBytes> block{};
    file.readExact(0, block);
    const std::string_view text(reinterpret_cast<const char*>(block.data()), block.size());
    if (!text.starts_with(firstLine)) return std::nullopt;
    auto seal = parse(text);
    if (!seal) throwDamaged(path, "its digest cannot be read");
    if (bytes < seal->size)
        throwDamaged(
            path, fmt::format("{} of its {} bytes are missing at the end", seal->size - bytes, seal->size));
    if (bytes > seal->size)
        throwDamaged(path, fmt::format("it has {} bytes where {} were written", bytes, seal->size));
    if (digestOf(file, seal->size, seal->open) != seal->digest)
        throwDamaged(path, "its bytes do not match their digest");
    return seal;
}

void writeSeal(const fs::path& path, std::vector<OpenRange> open, const fs::path& shown) {
    std::sort(open.begin(), open.end(),
              [](const OpenRange& a, const OpenRange& b) { return a.offset < b.offset; });
    const FileDescriptor file(path, O_RDWR, shown);
    const std::int64_t size = identityOf(file.number(), path).bytes;
    std::string block =
        std::string(firstLine) + "sha256 " + digestOf(file, size, open) + "\n" + linesOf(size, open);
    if (std::ssize(block) >= sealBytes)
        throw Error(ErrorCode::Internal, shown.string() + ": too many datasets are left open",
                    shown.string());
    block.resize(sealBytes, '\0');
    file.writeExact(0, std::as_bytes(std::span(block)));
}

}  // namespace rheo

// The bytes of a .npy or .npz file. Whatever they say: an Error that names the file, or arrays every element
// of which can be read. (HDF5 files are left to that library.)
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/trace/import_layout.h"
#include "core/trace/import_source.h"
#include "tests/fuzz/expect.h"

using namespace rheo;

namespace {

/// What a small file may unpack to here; more would only be slow.
constexpr std::int64_t mostBytes = std::int64_t{1} << 24;

void readAll(ImportSource& source, std::size_t index) {
    const ImportArray array = source.describe(index);
    if (!array.type) return;
    const std::int64_t bytes = checkedBytes(array.shape, elementBytes(*array.type), "input");
    if (bytes == 0 || bytes > mostBytes) return;
    Progress progress;
    source.prepare({index}, std::filesystem::temp_directory_path(), progress);
    const std::vector<std::int64_t> start(array.shape.size(), 0);
    const ArrayBlock block = source.block(index, start, array.shape);
    expect(block.strides.size() == array.shape.size(), "strides and shape disagree");
    // Dense, so that every byte from the first element on is one of the array's.
    std::uint64_t sum = 0;
    for (std::int64_t i = 0; i < bytes; ++i) sum += std::to_integer<std::uint64_t>(block.data[i]);
    std::vector<std::int64_t> last = array.shape;
    for (auto& at : last) --at;
    const std::byte* end = elementAt(block.data, block.strides, last) + elementBytes(*array.type);
    expect(end == block.data + bytes, "the last element is not at the end");
    expect(sum + 1 > 0, "never");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (!bytes.starts_with("\x93NUMPY") && !bytes.starts_with("PK")) return 0;
    const int file = ::memfd_create("input", MFD_CLOEXEC);
    expect(file >= 0 && ::write(file, data, size) == static_cast<ssize_t>(size), "no file to try");
    const std::string path = "/proc/self/fd/" + std::to_string(file);
    try {
        const auto source = openImportSource(path);
        const auto names = source->names();
        const ImportChoice choice = chooseArrays(names);
        expect(choice.arrays.size() + choice.repeated.size() + choice.others.size() == names.size(),
               "an array is lost");
        for (std::size_t i = 0; i < names.size() && i < 16; ++i) readAll(*source, i);
    } catch (const Error& error) {
        const std::string_view message = error.what();
        expect(message.find(path) != std::string_view::npos ||
                   message.find("two arrays") != std::string_view::npos,
               "a message without the file");
    }
    ::close(file);
    return 0;
}

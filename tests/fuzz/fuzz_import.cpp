// The bytes of a .npy or .npz file. Whatever they say: an Error that names the file, or arrays every element
// of which can be read, and rows that masks, lengths and names of samples leave. (HDF5 files are left to that
// library.)
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/trace/import_checks.h"
#include "core/trace/import_copy.h"
#include "core/trace/import_layout.h"
#include "core/trace/import_plan.h"
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

/// Plans the import as a whole, with masks, token ids and samples of their own lengths, and copies it if it
/// is small.
void importAll(const std::string& path, const char* layout) {
    ImportOptions options;
    options.layout = layout;
    const auto folder = std::filesystem::temp_directory_path();
    ImportPlan plan = planImport(path, options, folder);
    std::int64_t rows = 0;
    for (const auto& run : plan.runs) {
        expect(run.row == rows, "a gap between runs");
        const ImportExtents& extents = plan.parts[run.part].extents;
        expect(run.token + run.tokens <= extents.tokens && run.batch + run.batches <= extents.batches,
               "a run beyond its array");
        rows += run.batches * run.tokens;
    }
    expect(rows == plan.rows() && rows > 0, "rows are not those of the runs");
    if (plan.points() * plan.info.units > mostBytes / rows / 4) return;
    std::vector<std::size_t> needed;
    for (const auto& part : plan.parts) needed.insert(needed.end(), part.arrays.begin(), part.arrays.end());
    Progress progress;
    plan.source->prepare(needed, folder, progress);
    const TraceBox whole{0, rows, 0, plan.points(), 0, plan.info.units};
    std::vector<float> states(static_cast<std::size_t>(rows * plan.points() * plan.info.units));
    readBox(plan, whole, states.data(), progress);
    ImportChecks checks(plan);
    checks.add(whole, states.data());
    ImportOutcome outcome;
    checks.finish(plan, outcome);
    expect(outcome.distinctRows > 0 && outcome.distinctRows <= rows, "distinct rows");
}

/// An error is right if it names the file.
template <class Call>
void expectErrorsToName(const std::string& path, Call call) {
    try {
        call();
    } catch (const Error& error) {
        const std::string_view message = error.what();
        expect(message.find(path) != std::string_view::npos ||
                   message.find("two arrays") != std::string_view::npos,
               "a message without the file");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (!bytes.starts_with("\x93NUMPY") && !bytes.starts_with("PK")) return 0;
    const int file = ::memfd_create("input", MFD_CLOEXEC);
    expect(file >= 0 && ::write(file, data, size) == static_cast<ssize_t>(size), "no file to try");
    const std::string path = "/proc/self/fd/" + std::to_string(file);
    expectErrorsToName(path, [&] {
        const auto source = openImportSource(path);
        const auto names = source->names();
        const ImportChoice choice = chooseArrays(names);
        expect(choice.arrays.size() + choice.repeated.size() + choice.others.size() == names.size(),
               "an array is lost");
        for (std::size_t i = 0; i < names.size() && i < 16; ++i) readAll(*source, i);
    });
    for (const char* layout : {"", "point,row,unit", "row,unit", "point,batch,row,unit"})
        expectErrorsToName(path, [&] { importAll(path, layout); });
    ::close(file);
    return 0;
}

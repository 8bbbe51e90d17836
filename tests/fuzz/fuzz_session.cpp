// A session of anybody's: the index (session.json) of a folder whose parts are sound, or a whole .rheo file.
// Whatever it says: an Error, or a document whose rows, scores and prompts fit each other.
#include <cstddef>
#include <cstdint>

#include "core/base/error.h"
#include "tests/core/session/session_example.h"
#include "tests/fuzz/scratch.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace {

/// Rows, results, basis, scores and teleports as files of one folder, with an index to be replaced.
const fs::path& partsFolder() {
    static const fs::path folder = [] {
        const fs::path parts = scratch() / "parts", made = scratch() / "made";
        fs::create_directories(parts);
        fs::create_directories(made);
        Progress progress;
        SessionFolder(parts).write(examples::makeSession(made), progress, FilesOutside::Copied);
        fs::copy_file(parts / SessionFolder::indexName, scratch() / "index.json");
        return parts;
    }();
    return folder;
}

void check(const Session& session) {
    const DocumentState& state = session.state;
    if (!state.trace) return;
    expect(state.prompts.size() == state.trace->info().samples.size(), "not one prompt a sample");
    for (const auto& trace : {state.trace, state.basisTrace, state.resultsTrace}) {
        if (!trace) continue;
        for (const TraceRow& row : trace->info().rows)
            expect(row.sample >= 0 && row.sample < std::ssize(trace->info().samples),
                   "a row without a sample");
        std::vector<float> states(static_cast<std::size_t>(trace->rows() * trace->points() * trace->units()));
        trace->readRows(RowIndex{0}, trace->rows(), states.data());
    }
    if (state.scores)
        expect(state.scores->n0 == state.trace->rows() && state.scores->n1 == state.trace->points(),
               "scores of other rows");
    if (state.basis)
        expect(state.basis->components.cols() == state.trace->units(), "a basis of another width");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const fs::path& parts = partsFolder();
    Progress progress;
    try {
        if (bytes.starts_with("PK")) {
            const fs::path file = put(scratch() / "day.rheo", bytes), unpacked = scratch() / "unpacked";
            fs::remove_all(unpacked);
            fs::create_directories(unpacked);
            SessionFolder folder(unpacked);
            check(readSessionFile(file, folder, {}, progress));
            describeSessionFile(file);
        } else {
            put(parts / SessionFolder::indexName, bytes);
            SessionFolder folder(parts);
            check(folder.read({}, parts, progress));
            describeSession(parts);
            indexFor(parts, parts);
        }
    } catch (const Error&) {
    }
    return 0;
}

// Damages one byte of a file at a time and reads it: no crash, no hang, and no other number without an error.
//
//   flip_hdf5 COUNT [SEED [KIND]]     COUNT flips of each kind of file: trace, merged, results, teleport
//   (whose
//                                     numbers have digests), and foreign (HDF5 of another program: its
//                                     numbers cannot be checked, so only crashes and hangs count)
#include <hdf5.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/output_file.h"
#include "core/results/curves_file.h"
#include "core/results/results_file.h"
#include "core/results/teleport_file.h"
#include "core/trace/import_source.h"
#include "core/trace/merge.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace {

constexpr unsigned secondsEach = 60;

TraceInfo exampleInfo() {
    TraceInfo info;
    for (int block = 0; block < 3; ++block)
        for (const Site site : {Site::AttnIn, Site::MlpIn}) info.points.push_back({block, site});
    info.units = 24;
    for (std::int32_t s = 0; s < 20; ++s) {
        info.rows.push_back({s, 3, 40 + s});
        info.samples.push_back({"sample " + std::to_string(s) + std::string(static_cast<std::size_t>(s), '.'),
                                {1, 2, 3, 40 + s}});
    }
    info.model.emplace();
    info.model->architecture = "llama";
    info.model->weightsSha256 = std::string(64, 'a');
    return info;
}

Array3F exampleStates(const TraceInfo& info, std::uint64_t seed) {
    Array3F states(std::ssize(info.rows), std::ssize(info.points), info.units);
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    for (float& value : states.data) value = normal(random);
    return states;
}

void writeTrace(const fs::path& path, const TraceInfo& info, std::uint64_t seed) {
    auto writer = TraceWriter::create(path, info, IfExists::Refuse);
    const Array3F states = exampleStates(info, seed);
    writer.writeRows(RowIndex{0}, states.n0, states.data.data());
    writer.close();
}

void writeMerged(const fs::path& path) {
    const TraceInfo whole = exampleInfo();
    std::vector<fs::path> shards;
    for (std::size_t i = 0; i < 2; ++i) {
        TraceInfo info = whole;
        info.rows.clear();
        for (std::size_t n = i; n < whole.rows.size(); n += 2) info.rows.push_back(whole.rows[n]);
        shards.push_back(path.parent_path() / ("shard" + std::to_string(i) + ".h5"));
        writeTrace(shards.back(), info, i);
    }
    Progress progress;
    mergeTraces(shards, path, {}, progress);
}

void writeResults(const fs::path& path) {
    const TraceInfo info = exampleInfo();
    TraceView view;
    view.trace = std::make_shared<const MemoryTrace>(info, exampleStates(info, 3));
    AnalysisOptions options;
    options.get<Density>().emplace();
    options.get<Pca>().emplace();
    options.get<Motion>().emplace();
    Progress progress;
    Statistics statistics;
    statistics.get<Density>() = density(view, *options.get<Density>(), progress);
    statistics.get<Pca>() = pca(view, *options.get<Pca>(), progress);
    ResultsWriter writer =
        ResultsWriter::create(path, makeResultsSource(view, "t.rheo.h5"), IfExists::Refuse);
    writer.write(statistics, {}, recordsOf(view, options), false);
    writer.commit();
}

void writeTeleport(const fs::path& path) {
    TeleportFile file;
    const TraceInfo info = exampleInfo();
    file.points = info.points;
    file.text = "It was the best of";
    file.tokenIds = {1, 2, 3};
    file.model = *info.model;
    TeleportResult& result = file.result;
    result.request.point = PointIndex{2};
    result.request.state = VectorF::Random(24);
    result.natural.states = Array3F(2, 4, 24);
    result.teleported.states = Array3F(2, 4, 24);
    for (auto* states : {&result.natural.states, &result.teleported.states})
        for (float& value : states->data) value = static_cast<float>(std::rand()) / RAND_MAX;
    result.natural.logits = VectorF::Random(50);
    result.teleported.logits = VectorF::Random(50);
    result.measures.distance = VectorD::Random(4);
    file.shownIds = {7, 9};
    file.shownTexts = {"seven", "nine"};
    writeTeleportFile(path, file, IfExists::Refuse);
}

/// As h5py writes by default: headers without checksums, strings in a heap, compressed chunks.
void writeForeign(const fs::path& path) {
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hsize_t dims[3] = {16, 6, 24}, chunk[3] = {4, 6, 24}, count[1] = {8};
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 3, chunk);
    const hid_t space = H5Screate_simple(3, dims, nullptr);
    const std::vector<float> values(16 * 6 * 24, 1.5F);
    for (const char* name : {"plain", "packed"}) {
        if (name[1] == 'a') {
            H5Pset_shuffle(creation);
            H5Pset_deflate(creation, 4);
        }
        const hid_t set = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
        H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
        H5Dclose(set);
    }
    const hid_t group = H5Gcreate2(file, "names", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    const hid_t list = H5Screate_simple(1, count, nullptr);
    const hid_t strings = H5Dcreate2(group, "text", text, list, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const char* words[8] = {"one",  "two", "three", "four",
                            "five", "six", "seven", "a longer text than these"};
    H5Dwrite(strings, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, words);
    const hid_t scalar = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(group, "note", text, scalar, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, text, words);
    for (const hid_t id : {attribute, strings}) H5Iget_type(id) == H5I_ATTR ? H5Aclose(id) : H5Dclose(id);
    H5Gclose(group);
    H5Fclose(file);
}

void add(Sha256& hash, const std::vector<float>& values) {
    hash.update(std::as_bytes(std::span(values)));
}

std::string readTrace(const fs::path& path) {
    const auto trace = TraceReader::open(path);
    Sha256 hash;
    std::vector<float> states(static_cast<std::size_t>(trace->rows() * trace->points() * trace->units()));
    trace->readRows(RowIndex{0}, trace->rows(), states.data());
    add(hash, states);
    for (const auto& point : trace->info().points) hash.update(pointName(point));
    for (const auto& row : trace->info().rows)
        hash.update(std::to_string(row.sample) + "," + std::to_string(row.position) + "," +
                    std::to_string(row.tokenId));
    for (const auto& sample : trace->info().samples) hash.update(sample.text);
    hash.update(trace->info().model.value_or(ModelIdentity{}).weightsSha256);
    return hash.hex();
}

std::string readResultsAll(const fs::path& path) {
    const Results results = readResults(path);
    Sha256 hash;
    hash.update(curvesJson(results));
    add(hash,
        results.statistics.get<Pca>() ? results.statistics.get<Pca>()->scores.data : std::vector<float>{});
    for (const auto& sample : results.source.info.samples) hash.update(sample.text);
    return hash.hex();
}

std::string readTeleport(const fs::path& path) {
    const TeleportFile file = readTeleportFile(path);
    Sha256 hash;
    add(hash, file.result.natural.states.data);
    add(hash, file.result.teleported.states.data);
    hash.update(file.text);
    for (const auto& text : file.shownTexts) hash.update(text);
    const VectorD& distance = file.result.measures.distance;
    hash.update(std::as_bytes(std::span(distance.data(), static_cast<std::size_t>(distance.size()))));
    return hash.hex();
}

std::string readForeign(const fs::path& path) {
    const auto source = openImportSource(path);
    const auto names = source->names();
    for (std::size_t i = 0; i < names.size(); ++i) {
        const ImportArray array = source->describe(i);
        if (!array.type || checkedBytes(array.shape, 4, "input") > (1 << 24)) continue;
        const std::vector<std::int64_t> start(array.shape.size(), 0);
        source->block(i, start, array.shape);
    }
    return {};
}

struct Kind {
    const char* name;
    void (*write)(const fs::path&);
    std::string (*read)(const fs::path&);
};
const Kind kinds[] = {
    {"trace", [](const fs::path& path) { writeTrace(path, exampleInfo(), 1); }, readTrace},
    {"merged", writeMerged, readTrace},
    {"results", writeResults, readResultsAll},
    {"teleport", writeTeleport, readTeleport},
    {"foreign", writeForeign, readForeign},
};

/// 0: the same numbers, 1: an error, 2: other numbers; or 128 and the signal.
int readInChild(const Kind& kind, const fs::path& path, const std::string& expected) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(secondsEach);
        int outcome = 1;
        try {
            outcome = kind.read(path) == expected ? 0 : 2;
        } catch (const Error&) {
        }
        ::_exit(outcome);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// How many flips failed.
int flip(const Kind& kind, int count, std::uint64_t seed, const fs::path& folder) {
    const fs::path whole = folder / "whole.h5", damaged = folder / "damaged.h5";
    kind.write(whole);
    const std::string expected = kind.read(whole);
    const std::string bytes = readFile(whole, std::uintmax_t{1} << 30);
    std::mt19937_64 random(seed);
    int failed = 0, errors = 0;
    for (int i = 0; i < count; ++i) {
        const std::size_t at = random() % bytes.size();
        std::string changed = bytes;
        // Half of them one bit, half of them any other byte.
        const auto change = static_cast<char>(i % 2 == 0 ? 1U << random() % 8 : 1 + random() % 255);
        changed[at] = static_cast<char>(changed[at] ^ change);
        std::ofstream(damaged, std::ios::binary) << changed;
        const int outcome = readInChild(kind, damaged, expected);
        errors += outcome == 1 ? 1 : 0;
        if (outcome < 2) continue;
        ++failed;
        std::printf("%s: byte %zu from %d to %d: %s\n", kind.name, at, bytes[at] & 255, changed[at] & 255,
                    outcome == 2 ? "other numbers" : ::strsignal(outcome - 128));
        fs::copy_file(damaged, "failed-" + std::string(kind.name) + "-" + std::to_string(at) + ".h5",
                      fs::copy_options::overwrite_existing);
    }
    std::printf("%s: %zu bytes, %d flips, %d errors, %d failures\n", kind.name, bytes.size(), count, errors,
                failed);
    std::fflush(stdout);
    return failed;
}

}  // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::atoi(argv[1]) : 60;
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
    const std::string only = argc > 3 ? argv[3] : "";
    std::string folder = (fs::temp_directory_path() / "flip_hdf5-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) return 2;
    int failed = 0;
    for (const Kind& kind : kinds) {
        if (!only.empty() && only != kind.name) continue;
        const fs::path own = fs::path(folder) / kind.name;
        fs::create_directory(own);
        failed += flip(kind, count, seed, own);
    }
    fs::remove_all(folder);
    return failed == 0 ? 0 : 1;
}

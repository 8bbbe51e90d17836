// Traces in every form in which the program writes them, and HDF5 of another program.
#include <hdf5.h>

#include <cstring>
#include <random>
#include <vector>

#include "core/base/output_file.h"
#include "core/trace/import.h"
#include "core/trace/import_checks.h"
#include "core/trace/import_source.h"
#include "core/trace/merge.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "tests/fuzz/digest.h"
#include "tests/fuzz/flip_kinds.h"

using namespace rheo;
namespace fs = std::filesystem;

TraceInfo exampleInfo() {
    TraceInfo info;
    for (int block = 0; block < 3; ++block)
        for (const Site site : {Site::AttnIn, Site::MlpIn}) info.points.push_back({block, site});
    info.units = 24;
    for (std::int32_t s = 0; s < 20; ++s) {
        info.rows.push_back({s, 3, 40 + s});
        info.samples.push_back({"sample " + std::to_string(s) + std::string(static_cast<std::size_t>(s), '.'),
                                {1, 2, 3, 40 + s},
                                s % 2 == 0 ? "even" : "",
                                {{"topic", s % 3 == 0 ? "art" : "law"}}});
    }
    info.origin = "an example";
    ModelIdentity& model = info.model.emplace();
    model.architecture = "llama";
    model.layers = 3;
    model.dModel = 24;
    model.vocabulary = 100;
    model.dtype = "float32";
    model.untrainedSeed = 7;
    model.configSha256 = std::string(64, 'c');
    model.tokenizerSha256 = std::string(64, 'b');
    model.weightsSha256 = std::string(64, 'a');
    model.notes = {"a note"};
    model.acceptedKeys = {"a_key"};
    return info;
}

Array3F exampleStates(const TraceInfo& info, std::uint64_t seed) {
    Array3F states(std::ssize(info.rows), std::ssize(info.points), info.units);
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    for (float& value : states.data) value = normal(random);
    return states;
}

namespace {

constexpr std::int64_t largestForeign = std::int64_t{1} << 24;

void writeRows(const fs::path& path, const TraceInfo& info, std::uint64_t seed, std::int64_t rows) {
    auto writer = TraceWriter::create(path, info, IfExists::Refuse);
    const Array3F states = exampleStates(info, seed);
    writer.writeRows(RowIndex{0}, rows, states.data.data());
    writer.close();
}

void writeTrace(const fs::path& path) {
    writeRows(path, exampleInfo(), 1, 20);
}

void writeBfloat16(const fs::path& path) {
    TraceInfo info = exampleInfo();
    info.bfloat16 = true;
    writeRows(path, info, 1, 20);
}

/// As a capture leaves it that was killed half-way.
void writePartial(const fs::path& path) {
    writeRows(path, exampleInfo(), 1, 9);
}

void merge(const fs::path& path, bool copy) {
    const TraceInfo whole = exampleInfo();
    std::vector<fs::path> shards;
    for (std::size_t i = 0; i < 2; ++i) {
        TraceInfo info = whole;
        info.rows.clear();
        for (std::size_t n = i; n < whole.rows.size(); n += 2) info.rows.push_back(whole.rows[n]);
        shards.push_back(path.parent_path() / ("shard" + std::to_string(i) + ".h5"));
        writeRows(shards.back(), info, i, std::ssize(info.rows));
    }
    Progress progress;
    MergeOptions options;
    options.copy = copy;
    mergeTraces(shards, path, options, progress);
}
void writeMerged(const fs::path& path) {
    merge(path, false);
}
void writeCopied(const fs::path& path) {
    merge(path, true);
}

/// A .npy of [row, point, unit], float32.
std::string npyOf(const Array3F& states) {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(states.n0) +
                         ", " + std::to_string(states.n1) + ", " + std::to_string(states.n2) + "), }";
    header.resize(117, ' ');
    header += '\n';
    std::string file("\x93NUMPY\x01\x00\x76\x00", 10);
    file += header;
    file.append(reinterpret_cast<const char*>(states.data.data()), states.data.size() * sizeof(float));
    return file;
}

void writeImported(const fs::path& path) {
    const fs::path input = path.parent_path() / "states.npy";
    writeFile(input, npyOf(exampleStates(exampleInfo(), 5)), IfExists::Replace);
    ImportOptions options;
    options.layout = "row,point,unit";
    options.sites = "attn_in,mlp_in";
    Progress progress;
    importTrace(input, path, options, progress);
}

std::string readTrace(const fs::path& path) {
    return digestOf(*TraceReader::open(path));
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

/// Its numbers have no digests: only what crashes, hangs or throws something else counts.
std::string readForeign(const fs::path& path) {
    const auto source = openImportSource(path);
    const auto names = source->names();
    for (std::size_t i = 0; i < names.size(); ++i) {
        const ImportArray array = source->describe(i);
        if (!array.type || checkedBytes(array.shape, 4, "input") > largestForeign) continue;
        const std::vector<std::int64_t> start(array.shape.size(), 0);
        source->block(i, start, array.shape);
    }
    return {};
}

constexpr FlipKind kinds[] = {
    {"trace", writeTrace, readTrace},       {"bfloat16", writeBfloat16, readTrace},
    {"partial", writePartial, readTrace},   {"merged", writeMerged, readTrace},
    {"copied", writeCopied, readTrace},     {"imported", writeImported, readTrace},
    {"foreign", writeForeign, readForeign},
};

}  // namespace

std::span<const FlipKind> traceKinds() {
    return kinds;
}

#include "reference.h"

#include <hdf5.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <stdexcept>

namespace rheo::test {

namespace {

/// An open HDF5 object; a negative id is a failure.
class Handle {
public:
    Handle(hid_t id, herr_t (*close)(hid_t), const std::string& what) : m_id(id), m_close(close) {
        if (id < 0) throw std::runtime_error("cannot open " + what);
    }
    ~Handle() { m_close(m_id); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    operator hid_t() const { return m_id; }

private:
    hid_t m_id;
    herr_t (*m_close)(hid_t);
};

bool exists(hid_t file, const std::string& path) {
    return H5Lexists(file, path.c_str(), H5P_DEFAULT) > 0;
}

template <class T>
std::vector<T> readDataset(hid_t file, const std::string& path, hid_t type,
                           std::vector<hsize_t>* shape = nullptr) {
    const Handle dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose, path);
    const Handle space(H5Dget_space(dataset), H5Sclose, path);
    std::vector<hsize_t> extent(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, extent.data(), nullptr);
    std::vector<T> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
        throw std::runtime_error("cannot read " + path);
    if (shape != nullptr) *shape = extent;
    return values;
}

Array3F readArray3(hid_t file, const std::string& path) {
    std::vector<hsize_t> shape;
    std::vector<float> values = readDataset<float>(file, path, H5T_NATIVE_FLOAT, &shape);
    if (shape.size() != 3) throw std::runtime_error(path + " does not have three axes");
    Array3F array;
    array.n0 = static_cast<std::int64_t>(shape[0]);
    array.n1 = static_cast<std::int64_t>(shape[1]);
    array.n2 = static_cast<std::int64_t>(shape[2]);
    array.data = std::move(values);
    return array;
}

MatrixF readMatrix(hid_t file, const std::string& path) {
    std::vector<hsize_t> shape;
    const std::vector<float> values = readDataset<float>(file, path, H5T_NATIVE_FLOAT, &shape);
    if (shape.size() != 2) throw std::runtime_error(path + " does not have two axes");
    return Eigen::Map<const MatrixF>(values.data(), static_cast<Eigen::Index>(shape[0]),
                                     static_cast<Eigen::Index>(shape[1]));
}

std::int64_t readAttribute(hid_t file, const std::string& path, const char* name) {
    const Handle attribute(H5Aopen_by_name(file, path.c_str(), name, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                           path + "@" + name);
    std::int64_t value = 0;
    H5Aread(attribute, H5T_NATIVE_INT64, &value);
    return value;
}

std::vector<std::string> readStrings(hid_t file, const std::string& path) {
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "string type");
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    std::vector<std::string> texts;
    for (char* text : readDataset<char*>(file, path, type)) {
        texts.emplace_back(text);
        H5free_memory(text);
    }
    return texts;
}

}  // namespace

Reference readReference(const std::filesystem::path& path) {
    const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, path.string());
    Reference reference;
    const auto blocks = readDataset<std::int32_t>(file, "points/block", H5T_NATIVE_INT32);
    const auto sites = readStrings(file, "points/site");
    for (std::size_t i = 0; i < blocks.size(); ++i)
        reference.points.push_back({blocks[i], parseSite(sites[i]).value_or(Site::Unnamed)});
    const std::int64_t count = readAttribute(file, "/", "prompts");
    for (std::int64_t i = 0; i < count; ++i) {
        const std::string group = "prompt_" + std::to_string(i);
        ReferencePrompt prompt;
        prompt.ids = readDataset<std::int32_t>(file, group + "/token_ids", H5T_NATIVE_INT32);
        prompt.states = readArray3(file, group + "/states");
        prompt.logits = readMatrix(file, group + "/logits");
        if (exists(file, group + "/greedy"))
            prompt.greedy = readDataset<std::int32_t>(file, group + "/greedy", H5T_NATIVE_INT32);
        for (int j = 0; exists(file, group + "/teleport_" + std::to_string(j)); ++j) {
            const std::string base = group + "/teleport_" + std::to_string(j);
            ReferenceTeleport teleport;
            teleport.point = readAttribute(file, base, "point");
            teleport.token = readAttribute(file, base, "token");
            const auto state = readDataset<float>(file, base + "/state", H5T_NATIVE_FLOAT);
            teleport.state = Eigen::Map<const VectorF>(state.data(), static_cast<Eigen::Index>(state.size()));
            teleport.states = readArray3(file, base + "/states");
            teleport.logits = readMatrix(file, base + "/logits");
            prompt.teleports.push_back(std::move(teleport));
        }
        for (std::int64_t block = 0; block < std::ssize(blocks); ++block) {
            const std::string base = group + "/routing_" + std::to_string(block);
            if (!exists(file, base)) continue;
            prompt.routing.push_back({block, readMatrix(file, base + "/probabilities"),
                                      readDataset<std::int32_t>(file, base + "/chosen", H5T_NATIVE_INT32)});
        }
        reference.prompts.push_back(std::move(prompt));
    }
    return reference;
}

std::vector<Fixture> fixtures() {
    namespace fs = std::filesystem;
    const fs::path root = fs::path(RHEO_FIXTURES) / "models";
    std::vector<Fixture> list;
    for (const auto& entry : fs::directory_iterator(root)) {
        if (!entry.is_directory()) continue;
        Fixture fixture;
        fixture.name = entry.path().filename().string();
        fixture.reference = entry.path() / "reference.h5";
        fixture.folder =
            fixture.name == "demo" ? fs::path(RHEO_RESOURCES) / "demo-model" : entry.path() / "model";
        if (fs::exists(entry.path() / "config.sparse.json"))
            fixture.sparseConfig = entry.path() / "config.sparse.json";
        list.push_back(std::move(fixture));
    }
    std::sort(list.begin(), list.end(), [](const Fixture& a, const Fixture& b) { return a.name < b.name; });
    return list;
}

std::string testDevice() {
    const char* device = std::getenv("RHEO_TEST_DEVICE");
    return device != nullptr ? device : "cpu";
}

std::shared_ptr<const Model> loadModel(const std::filesystem::path& folder, DType dtype) {
    Progress progress;
    ModelOptions options;
    options.dtype = dtype;
    options.threads = 2;
    options.device = testDevice();
    return Model::load(Checkpoint::open(folder), options, progress);
}

double relativeError(const float* found, const float* expected, std::int64_t n) {
    double worst = 0;
    double squares = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        if (!std::isfinite(found[i])) return std::numeric_limits<double>::infinity();
        worst = std::max(worst, std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i])));
        squares += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
    }
    return worst / std::sqrt(squares / static_cast<double>(n));
}

double relativeRms(const float* found, const float* expected, std::int64_t n) {
    double difference = 0;
    double squares = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        if (!std::isfinite(found[i])) return std::numeric_limits<double>::infinity();
        const double d = static_cast<double>(found[i]) - static_cast<double>(expected[i]);
        difference += d * d;
        squares += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
    }
    return std::sqrt(difference / squares);
}

}  // namespace rheo::test

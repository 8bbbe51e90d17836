#include "core/results/vector_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/model_config.h"
#include "core/checkpoint/safetensors.h"
#include "core/results/identity_json.h"
#include "core/trace/import_elements.h"
#include "core/trace/import_source.h"
#include "core/trace/npy.h"

namespace rheo {

namespace {

using Json = nlohmann::ordered_json;
constexpr const char* metadataKey = "rheograph";
constexpr const char* recordFormat = "rheograph-vectors";
constexpr std::int64_t maxNumbers = std::int64_t{1} << 28;

std::filesystem::path besideNpy(const std::filesystem::path& file) {
    return file.string() + ".json";
}

std::string textOf(const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What writeVectors keeps beside the numbers, as JSON; empty where the file has none.
std::string recordOf(const SafetensorsFile& file) {
    const auto header = file.header();
    const auto json =
        parseJsonObject({reinterpret_cast<const char*>(header.data()), header.size()}, file.path().string());
    const auto metadata = json.find("__metadata__");
    return metadata != json.end() && metadata->is_object() ? textOf(*metadata, metadataKey) : "";
}

std::string recordOf(const std::filesystem::path& file, ImportSource& source) {
    if (std::string_view(source.kind()) == "safetensors file") return recordOf(*SafetensorsFile::open(file));
    const auto beside = besideNpy(file);
    std::error_code ignored;
    if (file.extension() != ".npy" || !std::filesystem::exists(beside, ignored)) return "";
    return readFile(beside, 1 << 20);
}

void addRecord(std::vector<NamedVector>& vectors, const std::string& text, const std::string& file) {
    if (text.empty()) return;
    const auto record = parseJsonObject(text, file);
    if (textOf(record, "format") != recordFormat) return;
    const auto model = record.find("model");
    const auto entries = record.find("vectors");
    for (NamedVector& vector : vectors) {
        if (model != record.end()) vector.model = identityFromJson(*model, file);
        if (entries == record.end() || !entries->is_object()) continue;
        const auto entry = entries->find(vector.name);
        if (entry == entries->end() || !entry->is_object()) continue;
        vector.point = textOf(*entry, "point");
        vector.origin = textOf(*entry, "origin");
    }
}

[[noreturn]] void refuseArray(const std::string& file, const std::string& array, ErrorCode code,
                              const std::string& why) {
    throw Error(code, fmt::format("{}, {}: {}", file, array, why), file);
}

/// Why an array is no vectors; empty where it is.
std::string whyNoVectors(const ImportArray& array) {
    if (!array.type || array.pickled || !isFloating(*array.type))
        return fmt::format("it is of type {}, and floating-point numbers were expected", array.typeName);
    if (array.shape.empty() || array.shape.size() > 2)
        return fmt::format("it has {} axes, and [unit] or [vector, unit] was expected", array.shape.size());
    return "";
}

/// The rows of one array, [row, unit].
MatrixF rowsOf(ImportSource& source, std::size_t index, const std::string& name, const std::string& file) {
    const ImportArray array = source.describe(index);
    const std::size_t axes = array.shape.size();
    const std::int64_t rows = axes == 2 ? array.shape[0] : 1, units = array.shape.back();
    if (rows < 1 || units < 1 || units > maxNumbers || rows > maxNumbers / units)
        refuseArray(file, name, ErrorCode::Format,
                    fmt::format("its shape ({}) holds no vectors, or more than can be read",
                                fmt::join(array.shape, ", ")));
    const ArrayBlock block = source.block(index, std::vector<std::int64_t>(axes, 0), array.shape);
    MatrixF values(rows, units);
    for (std::int64_t row = 0; row < rows; ++row)
        copyElements<float>(block, block.data + (axes == 2 ? row * block.strides[0] : 0),
                            block.strides.back(), units, values.data() + row * units, 1);
    return values;
}

/// Datasets of HDF5 are called "/probe", and are found as "probe" as well.
bool isCalled(const NamedVector& vector, const std::string& name) {
    return vector.name == name || vector.name == "/" + name;
}

}  // namespace

bool isVectorFile(const SafetensorsFile& file) {
    const std::string text = recordOf(file);
    return !text.empty() && textOf(parseJsonObject(text, file.path().string()), "format") == recordFormat;
}

std::vector<NamedVector> readVectors(const std::filesystem::path& file) {
    const auto source = openImportSource(file);
    const auto names = source->names();
    // Files of probes and autoencoders hold other things as well: labels, thresholds, kernels of more axes.
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (whyNoVectors(source->describe(i)).empty()) all.push_back(i);
    if (all.empty() && !names.empty())
        refuseArray(file.string(), names[0], ErrorCode::Unsupported, whyNoVectors(source->describe(0)));
    Progress progress;
    source->prepare(all, std::filesystem::temp_directory_path(), progress);
    std::vector<NamedVector> vectors;
    for (const std::size_t i : all) {
        const MatrixF rows = rowsOf(*source, i, names[i], file.string());
        for (Eigen::Index row = 0; row < rows.rows(); ++row)
            vectors.push_back({rows.rows() == 1 ? names[i] : fmt::format("{}[{}]", names[i], row),
                               rows.row(row).transpose(),
                               "",
                               "",
                               {}});
    }
    addRecord(vectors, recordOf(file, *source), file.string());
    source->requireUnchanged();
    return vectors;
}

NamedVector readVector(const std::string& reference, const std::filesystem::path& folder) {
    const auto hash = reference.rfind('#');
    const std::filesystem::path named(reference.substr(0, hash));
    const auto file = named.is_absolute() ? named : folder / named;
    const auto vectors = readVectors(file);
    std::vector<std::string> names;
    for (const auto& vector : vectors) {
        if (hash == std::string::npos ? vectors.size() == 1 : isCalled(vector, reference.substr(hash + 1)))
            return vector;
        names.push_back(vector.name);
    }
    throw Error(ErrorCode::NotFound,
                hash == std::string::npos
                    ? fmt::format("{} holds {} vectors; name one as {}#NAME: {}", file.string(),
                                  vectors.size(), reference, listedNames(names))
                    : fmt::format("{} holds no vector '{}'; it holds {}", file.string(),
                                  reference.substr(hash + 1), listedNames(names)),
                file.string());
}

std::vector<NamedVector> readAxisVectors(const std::string& reference) {
    std::error_code ignored;
    const auto colon = std::filesystem::exists(reference, ignored) ? std::string::npos : reference.rfind(':');
    const std::string file = reference.substr(0, colon);
    const auto vectors = readVectors(file);
    const auto named = [&](const std::string& name) {
        return std::find_if(vectors.begin(), vectors.end(),
                            [&](const NamedVector& vector) { return isCalled(vector, name); });
    };
    std::vector<NamedVector> chosen = vectors;
    if (colon != std::string::npos) {
        chosen.clear();
        const std::string list = reference.substr(colon + 1);
        const auto parts =
            named(list) != vectors.end() ? std::vector<std::string>{list} : splitText(list, ',');
        std::vector<std::string> names;
        for (const auto& vector : vectors) names.push_back(vector.name);
        for (const auto& name : parts) {
            if (named(name) == vectors.end())
                throw Error(
                    ErrorCode::NotFound,
                    fmt::format("{} holds no vector '{}'; it holds {}", file, name, listedNames(names)),
                    file);
            chosen.push_back(*named(name));
        }
    }
    if (chosen.empty() || chosen.size() > 3)
        throw Error(
            ErrorCode::InvalidArgument,
            fmt::format("{} names {} vectors, and one to three can be axes; name them as {}:NAME,NAME",
                        reference, chosen.size(), file),
            file);
    return chosen;
}

namespace {

/// Whether what both say of their models differs; results and traces do not say all.
bool contradicts(const ModelIdentity& one, const ModelIdentity& other) {
    const auto differ = [](const std::string& a, const std::string& b) {
        return !a.empty() && !b.empty() && a != b;
    };
    const bool bothWhole = !one.configSha256.empty() && !other.configSha256.empty();
    return differ(one.configSha256, other.configSha256) ||
           differ(one.tokenizerSha256, other.tokenizerSha256) ||
           differ(one.weightsSha256, other.weightsSha256) || (bothWhole && !one.sameModel(other));
}

}  // namespace

void requireVectorOf(const NamedVector& vector, const ModelIdentity& model, const std::string& reference) {
    if (vector.model && contradicts(*vector.model, model))
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{} is of another model ({}), and this one is {}; use the model it was made "
                                "with, or make it anew",
                                reference, identityText(*vector.model), identityText(model)),
                    reference);
    if (vector.values.size() != model.dModel)
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{} has {} units, and the states of the model have {}", reference,
                                vector.values.size(), model.dModel),
                    reference);
}

PcaBasis readAxes(const std::string& reference, AxesFrame frame, const ModelIdentity* model) {
    std::vector<NamedDirection> directions;
    for (const NamedVector& vector : readAxisVectors(reference)) {
        if (model != nullptr) requireVectorOf(vector, *model, reference + ", " + vector.name);
        directions.push_back(
            {vector.name.starts_with("/") ? vector.name.substr(1) : vector.name, vector.values});
    }
    return axesOf(directions, frame);
}

namespace {

std::string recordText(const std::vector<NamedVector>& vectors, const ModelIdentity& model) {
    Json entries = Json::object();
    for (const NamedVector& vector : vectors)
        entries[vector.name] = {{"point", vector.point},
                                {"norm", vector.values.cast<double>().norm()},
                                {"origin", vector.origin}};
    Json record{{"format", recordFormat}, {"version", 1}};
    ModelIdentity identity = model;
    if (identity.dModel == 0) identity.dModel = vectors.front().values.size();
    if (!identity.weightsSha256.empty()) record["model"] = Json::parse(identityToJson(identity));
    record["vectors"] = entries;
    return record.dump();
}

std::string safetensorsOf(const std::vector<NamedVector>& vectors, const ModelIdentity& model) {
    Json header;
    header["__metadata__"] = {{metadataKey, recordText(vectors, model)}};
    std::int64_t at = 0;
    for (const NamedVector& vector : vectors) {
        const std::int64_t end = at + vector.values.size() * 4;
        header[vector.name] = {
            {"dtype", "F32"}, {"shape", {vector.values.size()}}, {"data_offsets", {at, end}}};
        at = end;
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    std::string contents(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        contents[i] = static_cast<char>(static_cast<std::uint64_t>(text.size()) >> (8 * i) & 0xff);
    contents += text;
    for (const NamedVector& vector : vectors)
        contents.append(reinterpret_cast<const char*>(vector.values.data()),
                        static_cast<std::size_t>(vector.values.size()) * 4);
    return contents;
}

void checkVectors(const std::vector<NamedVector>& vectors) {
    std::set<std::string> names;
    for (const NamedVector& vector : vectors) {
        if (vector.name.empty() || vector.name == "__metadata__" || !names.insert(vector.name).second)
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("'{}' cannot be the name of a vector: names are distinct and not empty",
                                    vector.name));
        if (vector.values.size() != vectors.front().values.size() || vector.values.size() == 0)
            throw Error(
                ErrorCode::InvalidArgument,
                fmt::format("the vector {} has {} units and {} has {}", vector.name, vector.values.size(),
                            vectors.front().name, vectors.front().values.size()));
    }
}

}  // namespace

void writeVectors(const std::filesystem::path& path, const std::vector<NamedVector>& vectors,
                  const ModelIdentity& model, IfExists ifExists) {
    checkVectors(vectors);
    const auto ending = path.extension();
    if (ending == ".safetensors") {
        writeFile(path, safetensorsOf(vectors, model), ifExists);
        return;
    }
    if (ending != ".npy" || vectors.size() != 1)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{} cannot hold {} vectors: write .safetensors, or .npy for one",
                                path.string(), vectors.size()),
                    path.string());
    const auto beside = besideNpy(path);
    NamedVector named = vectors.front();
    named.name = path.stem().string();  // as it is read
    writeFiles({{path, npyContents(named.values.transpose())}, {beside, recordText({named}, model) + "\n"}},
               ifExists);
}

}  // namespace rheo

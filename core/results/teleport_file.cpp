#include "core/results/teleport_file.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "core/base/error.h"
#include "core/trace/file_parts.h"
#include "core/trace/hdf5_file.h"

namespace rheo {

namespace {

constexpr const char* formatName = "rheograph-teleport";
/// 1: strings of variable length, no seal. 2: as resources/help/trace_format.md says.
constexpr std::int64_t formatVersion = 2;

[[noreturn]] void refuse(const Hdf5File& file, const std::string& dataset, const std::string& why) {
    throw Error(ErrorCode::Format, fmt::format("{}, {}: {}", file.path().string(), dataset, why),
                file.path().string());
}

/// The measures by name, so that writing and reading cannot disagree.
template <class Measures, class Visit>
void forEachVector(Measures& m, Visit visit) {
    visit("distance", m.distance);
    visit("distance_pca", m.distancePca);
    visit("relative", m.relative);
    visit("retention", m.retention);
    visit("angle", m.angle);
    visit("direction", m.direction);
    visit("contraction", m.contraction);
    visit("distance_rms", m.distanceRms);
    visit("contraction_rms", m.contractionRms);
}
template <class Result, class Visit>
void forEachControl(Result& result, Visit visit) {
    visit("control_distance", result.controlDistance);
    visit("control_distance_rms", result.controlDistanceRms);
    visit("control_pca_distance", result.controlPcaDistance);
    visit("control_pca_distance_rms", result.controlPcaDistanceRms);
}

void writeStates(Hdf5File& file, const char* name, const Array3F& states) {
    file.write<float>(name, states.data, {states.n0, states.n1, states.n2});
}
Array3F readStates(const Hdf5File& file, const char* name) {
    const auto shape = file.info(name).shape;
    if (shape.size() != 3 || shape[0] < 1 || shape[1] < 1 || shape[2] < 1)
        refuse(file, name, "three axes [token, point, unit] were expected");
    Array3F states;
    states.n0 = shape[0];
    states.n1 = shape[1];
    states.n2 = shape[2];
    states.data = file.read<float>(name);
    return states;
}
VectorF readFloats(const Hdf5File& file, const char* name) {
    const auto values = file.read<float>(name);
    return Eigen::Map<const VectorF>(values.data(), static_cast<Eigen::Index>(values.size()));
}
template <class T>
void writeList(Hdf5File& file, const char* name, const std::vector<T>& values) {
    file.write<T>(name, values, {static_cast<std::int64_t>(values.size())});
}

}  // namespace

void writeTeleportFile(const std::filesystem::path& path, const TeleportFile& record, IfExists ifExists) {
    OutputFile output(path, ifExists);
    const TeleportResult& result = record.result;
    const TeleportRequest& request = result.request;
    Hdf5File file = Hdf5File::create(output.temporary(), path);
    file.setAttribute("/", "format", std::string(formatName));
    file.setAttribute("/", "version", formatVersion);
    file.setAttribute("/", "program", std::string("Rheograph " RHEO_VERSION));
    file.setAttribute("/", "created", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))));
    file.setAttribute("/", "point",
                      pointName(record.points.at(static_cast<std::size_t>(request.point.value()))));
    file.setAttribute("/", "token", std::int64_t{request.token});
    file.setAttribute("/", "mode", std::string(teleportModeName(request.mode)));
    file.setAttribute("/", "components", std::int64_t{request.components});
    file.setAttribute("/", "seed", static_cast<std::int64_t>(request.seed));
    file.setAttribute("/", "text", record.text);
    writeModelAttributes(file, "/", record.model);
    file.setAttribute("/", "kl", result.measures.kl);

    writeStates(file, "/natural", result.natural.states);
    writeStates(file, "/teleported", result.teleported.states);
    file.write<float>("/state",
                      std::span(request.state.data(), static_cast<std::size_t>(request.state.size())),
                      {request.state.size()});
    std::vector<std::int32_t> indices;
    for (std::int64_t q = request.point.value(); q < static_cast<std::int64_t>(record.points.size()); ++q)
        indices.push_back(static_cast<std::int32_t>(q));
    writeList(file, "/points", indices);
    writePoints(file, "/all_points", record.points);
    writeList(file, "/token_ids", record.tokenIds);
    const auto logits = [&](const char* name, const VectorF& values) {
        file.write<float>(name, std::span(values.data(), static_cast<std::size_t>(values.size())),
                          {values.size()});
    };
    logits("/logits_natural", result.natural.logits);
    logits("/logits_teleported", result.teleported.logits);
    const std::vector<double> kl{result.measures.kl};
    file.write<double>("/kl", kl, {});
    forEachVector(result.measures, [&](const std::string& name, const VectorD& values) {
        if (values.size() > 0)
            file.write<double>("/" + name, std::span(values.data(), static_cast<std::size_t>(values.size())),
                               {values.size()});
    });
    forEachControl(result, [&](const std::string& name, const MatrixD& values) {
        if (values.size() > 0)
            file.write<double>("/" + name, std::span(values.data(), static_cast<std::size_t>(values.size())),
                               {values.rows(), values.cols()});
    });
    writeList(file, "/shown/ids", record.shownIds);
    file.writeStrings("/shown/texts", record.shownTexts);
    file.close();
    output.commit();
}

namespace {

/// Throws unless the file holds a teleport that this version can read.
void checkFormat(const Hdf5File& file) {
    const std::string path = file.path().string();
    const auto format = file.textAttribute("/", "format");
    if (!format || *format != formatName)
        throw Error(ErrorCode::Format,
                    fmt::format("{} does not hold a teleport: its attribute format is {}", path,
                                format ? "\"" + *format + "\"" : "missing"),
                    path);
    if (file.integerAttribute("/", "version").value_or(0) > formatVersion)
        throw Error(ErrorCode::Unsupported, fmt::format("{} was written by a newer Rheograph", path), path);
}

/// All of a request but its controls, which are counted in the result.
TeleportRequest readRequest(const Hdf5File& file, std::size_t allPoints) {
    const auto integer = [&](const char* name, std::int64_t fallback) {
        return file.integerAttribute("/", name).value_or(fallback);
    };
    const auto indices = file.read<std::int32_t>("/points");
    const auto mode = parseTeleportMode(file.textAttribute("/", "mode").value_or(""));
    if (indices.empty() || indices[0] < 0 ||
        static_cast<std::size_t>(indices[0]) + indices.size() != allPoints || !mode)
        refuse(file, "/points", "they do not go from the teleport's point to the last");
    TeleportRequest request;
    request.point = PointIndex{indices[0]};
    request.mode = *mode;
    request.token = static_cast<int>(integer("token", 0));
    request.components = static_cast<int>(integer("components", 3));
    request.seed = static_cast<std::uint64_t>(integer("seed", 0));
    request.state = readFloats(file, "/state");
    return request;
}

/// States and logits of both paths, of `points` points.
void readPaths(const Hdf5File& file, std::int64_t points, TeleportResult& result) {
    result.natural.states = readStates(file, "/natural");
    result.teleported.states = readStates(file, "/teleported");
    if (result.natural.states.n1 != points || result.teleported.states.n1 != points)
        refuse(file, "/natural", "it does not have the points of the file");
    result.natural.logits = readFloats(file, "/logits_natural");
    result.teleported.logits = readFloats(file, "/logits_teleported");
    if (result.natural.logits.size() != result.teleported.logits.size())
        refuse(file, "/logits_natural", "the vocabularies differ");
}

void readMeasures(const Hdf5File& file, std::int64_t points, TeleportResult& result) {
    result.measures.kl = file.numberAttribute("/", "kl").value_or(0);
    forEachVector(result.measures, [&](const std::string& name, VectorD& values) {
        if (!file.exists("/" + name)) return;
        const auto read = file.read<double>("/" + name);
        const bool between = name.starts_with("contraction");
        if (static_cast<std::int64_t>(read.size()) != points - (between ? 1 : 0))
            refuse(file, "/" + name, "it does not have one value a point");
        values = Eigen::Map<const VectorD>(read.data(), static_cast<Eigen::Index>(read.size()));
    });
    if (result.measures.distance.size() != points) refuse(file, "/distance", "it is not there");
    forEachControl(result, [&](const std::string& name, MatrixD& values) {
        if (!file.exists("/" + name)) return;
        const auto shape = file.info("/" + name).shape;
        if (shape.size() != 2 || shape[1] != points)
            refuse(file, "/" + name, "it does not have one column a point");
        const auto read = file.read<double>("/" + name);
        values = Eigen::Map<const MatrixD>(read.data(), shape[0], shape[1]);
    });
    result.request.controls = static_cast<int>(result.controlDistance.rows());
}

void readShownTokens(const Hdf5File& file, TeleportFile& record) {
    record.shownIds = file.read<std::int32_t>("/shown/ids");
    record.shownTexts = file.readStrings("/shown/texts");
    for (const auto id : record.shownIds)
        if (id < 0 || id >= record.result.natural.logits.size())
            refuse(file, "/shown/ids", "an id is outside of the vocabulary");
    if (record.shownIds.size() != record.shownTexts.size())
        refuse(file, "/shown", "ids and texts differ in length");
}

}  // namespace

TeleportFile readTeleportFile(const std::filesystem::path& path) {
    const Hdf5File file = Hdf5File::openForReading(path);
    checkFormat(file);
    TeleportFile record;
    record.points = readPoints(file, "/all_points");
    record.result.request = readRequest(file, record.points.size());
    const std::int64_t points =
        static_cast<std::int64_t>(record.points.size()) - record.result.request.point.value();
    readPaths(file, points, record.result);
    readMeasures(file, points, record.result);
    record.text = file.textAttribute("/", "text").value_or("");
    record.tokenIds = file.read<std::int32_t>("/token_ids");
    record.model = readModelAttributes(file, "/");
    readShownTokens(file, record);
    return record;
}

}  // namespace rheo

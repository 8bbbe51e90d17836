#include "core/results/flow_file.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/results/laboratory_file.h"

namespace rheo {

namespace {

constexpr const char* formatName = "rheograph-flow";

/// Cells, points, steps and controls of a flow: what the shapes of its datasets are made of.
struct Shape {
    std::int64_t cells, points, controls;
};

/// Matrices by name, so that writing and reading cannot disagree.
template <class F, class Visit>
void forEachMatrix(F& flow, const Shape& shape, Visit visit) {
    visit("/distance", flow.distance, shape.cells, shape.points);
    visit("/distance_rms", flow.distanceRms, shape.cells, shape.points);
    visit("/natural", flow.natural, shape.points, 2);
    visit("/control_contraction", flow.controlContraction, shape.controls, shape.points - 1);
    visit("/control_contraction_rms", flow.controlContractionRms, shape.controls, shape.points - 1);
}

template <class F, class Visit>
void forEachVector(F& flow, const Shape& shape, Visit visit) {
    visit("/contraction", flow.contraction, shape.points - 1);
    visit("/contraction_rms", flow.contractionRms, shape.points - 1);
    visit("/probability", flow.probability, shape.cells);
    visit("/kl", flow.kl, shape.cells);
}

/// Where a flow is in a file: "" or "/deeper/0".
std::string groupOf(const std::string& prefix) {
    return prefix.empty() ? "/" : prefix;
}

std::string prefixOf(std::size_t deeper) {
    return fmt::format("/deeper/{}", deeper);
}

void readScores(const Hdf5File& file, const std::string& prefix, const Shape& shape, Flow& flow) {
    const std::string name = prefix + "/scores";
    const auto found = file.info(name).shape;
    if (found != std::vector<std::int64_t>{shape.cells, shape.points, 2})
        refuseDataset(file, name,
                      fmt::format("its shape is ({}), and ({}, {}, 2) was expected", fmt::join(found, ", "),
                                  shape.cells, shape.points));
    flow.scores = Array3<double>(shape.cells, shape.points, 2);
    flow.scores.data = file.read<double>(name);
}

void readRequest(const Hdf5File& file, const std::string& prefix, std::int64_t points, FlowRequest& request) {
    const auto number = [&](const char* name, std::int64_t otherwise) {
        return file.integerAttribute(groupOf(prefix), name).value_or(otherwise);
    };
    const std::int64_t point = number("point", -1);
    if (point < 0 || point >= points)
        refuseDataset(file, groupOf(prefix) + " point", "it is not one of the points");
    request.point = PointIndex{point};
    request.token = static_cast<int>(number("token", -1));
    request.seed = static_cast<std::uint64_t>(number("seed", 0));
    request.controls = static_cast<int>(number("controls", 0));
    const auto axes = file.read<std::int32_t>(prefix + "/axes");
    if (axes.size() != 2 || request.controls < 0)
        refuseDataset(file, prefix + "/axes", "a flow has two axes");
    request.axes = {axes[0], axes[1]};
    const VectorD extent = readNumbers(file, (prefix + "/extent").c_str(), 2);
    request.extent = {extent[0], extent[1]};
}

/// Coordinates along a side, at least two that grow.
VectorD readSide(const Hdf5File& file, const std::string& name) {
    const auto shape = file.info(name).shape;
    if (shape.size() != 1 || shape[0] < 2 || shape[0] > 4096)
        refuseDataset(file, name, "a side of the grid has at least 2 cells");
    const VectorD side = readNumbers(file, name.c_str(), shape[0]);
    for (Eigen::Index i = 0; i + 1 < side.size(); ++i)
        if (!(side[i] < side[i + 1])) refuseDataset(file, name, "its coordinates do not grow");
    return side;
}

void writeFlow(Hdf5File& file, const std::string& prefix, const Flow& flow) {
    const FlowRequest& request = flow.request;
    const std::string group = groupOf(prefix);
    const auto at = [&](const char* name) { return prefix + name; };
    file.setAttribute(group, "point", request.point.value());
    file.setAttribute(group, "token", std::int64_t{request.token});
    file.setAttribute(group, "controls", std::int64_t{request.controls});
    file.setAttribute(group, "seed", static_cast<std::int64_t>(request.seed));
    file.setAttribute(group, "natural_token", std::int64_t{flow.naturalToken});
    file.setAttribute(group, "natural_probability", flow.naturalProbability);
    writeVector<std::int32_t>(file, at("/axes").c_str(), request.axes);
    writeVector<double>(file, at("/extent").c_str(), request.extent);
    file.writeStrings(at("/axis_names"), {flow.axisNames[0], flow.axisNames[1]});
    writeVector<double>(file, at("/x").c_str(), flow.x);
    writeVector<double>(file, at("/y").c_str(), flow.y);
    file.write<double>(at("/scores"), flow.scores.data, {flow.scores.n0, flow.scores.n1, flow.scores.n2});
    writeList(file, at("/likeliest").c_str(), flow.likeliest);
    const Shape shape{flow.cells(), flow.points(), request.controls};
    forEachMatrix(flow, shape, [&](const char* name, const MatrixD& values, auto...) {
        if (values.size() > 0) writeArray(file, at(name).c_str(), values);
    });
    forEachVector(flow, shape, [&](const char* name, const VectorD& values, auto) {
        if (values.size() > 0) writeVector<double>(file, at(name).c_str(), values);
    });
}

Flow readFlow(const Hdf5File& file, const std::string& prefix, std::int64_t points) {
    Flow flow;
    const std::string group = groupOf(prefix);
    readRequest(file, prefix, points, flow.request);
    flow.naturalToken = static_cast<std::int32_t>(file.integerAttribute(group, "natural_token").value_or(-1));
    flow.naturalProbability = file.numberAttribute(group, "natural_probability").value_or(0);
    const auto names = file.readStrings(prefix + "/axis_names");
    if (names.size() != 2) refuseDataset(file, prefix + "/axis_names", "a flow has two axes");
    flow.axisNames = {names[0], names[1]};
    flow.x = readSide(file, prefix + "/x");
    flow.y = readSide(file, prefix + "/y");
    flow.request.columns = static_cast<int>(flow.x.size());
    flow.request.rows = static_cast<int>(flow.y.size());
    const Shape shape{flow.x.size() * flow.y.size(), points - flow.request.point.value(),
                      flow.request.controls};
    readScores(file, prefix, shape, flow);
    flow.likeliest = file.read<std::int32_t>(prefix + "/likeliest");
    if (static_cast<std::int64_t>(flow.likeliest.size()) != shape.cells)
        refuseDataset(file, prefix + "/likeliest", "there is not one token a cell");
    forEachMatrix(flow, shape,
                  [&](const char* name, MatrixD& values, std::int64_t rows, std::int64_t columns) {
                      if (rows * columns > 0)
                          values = readMatrix(file, (prefix + name).c_str(), rows, columns);
                  });
    forEachVector(flow, shape, [&](const char* name, VectorD& values, std::int64_t count) {
        if (count > 0) values = readNumbers(file, (prefix + name).c_str(), count);
    });
    return flow;
}

}  // namespace

std::vector<const Flow*> FlowFile::flows() const {
    std::vector<const Flow*> all{&flow};
    for (const Flow& other : deeper) all.push_back(&other);
    return all;
}

const Flow& FlowFile::at(PointIndex point) const {
    const Flow* found = &flow;
    for (const Flow& other : deeper)
        if (other.request.point <= point) found = &other;
    return *found;
}

void writeFlowFile(const std::filesystem::path& path, const FlowFile& record, IfExists ifExists) {
    OutputFile output(path, ifExists);
    Hdf5File file = createLaboratoryFile(output, formatName, record.model);
    writePoints(file, "/points", record.points);
    writeText(file, "/text", record.text);
    writeList(file, "/ids", record.ids);
    writeTokenTexts(file, record.tokenTexts);
    writeFlow(file, "", record.flow);
    if (!record.deeper.empty()) file.makeGroup("/deeper");
    for (std::size_t i = 0; i < record.deeper.size(); ++i) {
        file.makeGroup(prefixOf(i));
        writeFlow(file, prefixOf(i), record.deeper[i]);
    }
    file.close();
    output.commit();
}

FlowFile readFlowFile(const std::filesystem::path& path) {
    const Hdf5File file = openLaboratoryFile(path, formatName, "a flow");
    FlowFile record;
    record.points = readPoints(file, "/points");
    record.model = readModelAttributes(file, "/");
    record.text = readText(file, "/text");
    record.ids = file.read<std::int32_t>("/ids");
    record.tokenTexts = readTokenTexts(file);
    const auto points = static_cast<std::int64_t>(record.points.size());
    record.flow = readFlow(file, "", points);
    PointIndex before = record.flow.request.point;
    for (std::size_t i = 0; file.exists(prefixOf(i)); ++i) {
        record.deeper.push_back(readFlow(file, prefixOf(i), points));
        const PointIndex here = record.deeper.back().request.point;
        if (here <= before)
            refuseDataset(file, prefixOf(i), "its point is not behind that of the one before");
        before = here;
    }
    return record;
}

}  // namespace rheo

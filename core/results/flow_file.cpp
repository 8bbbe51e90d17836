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

void readScores(const Hdf5File& file, const Shape& shape, Flow& flow) {
    const auto found = file.info("/scores").shape;
    if (found != std::vector<std::int64_t>{shape.cells, shape.points, 2})
        refuseDataset(file, "/scores",
                      fmt::format("its shape is ({}), and ({}, {}, 2) was expected", fmt::join(found, ", "),
                                  shape.cells, shape.points));
    flow.scores = Array3<double>(shape.cells, shape.points, 2);
    flow.scores.data = file.read<double>("/scores");
}

void readRequest(const Hdf5File& file, std::int64_t points, FlowRequest& request) {
    const std::int64_t point = file.integerAttribute("/", "point").value_or(-1);
    if (point < 0 || point >= points) refuseDataset(file, "point", "it is not one of the points");
    request.point = PointIndex{point};
    request.token = static_cast<int>(file.integerAttribute("/", "token").value_or(-1));
    request.seed = static_cast<std::uint64_t>(file.integerAttribute("/", "seed").value_or(0));
    request.controls = static_cast<int>(file.integerAttribute("/", "controls").value_or(0));
    const auto axes = file.read<std::int32_t>("/axes");
    if (axes.size() != 2 || request.controls < 0) refuseDataset(file, "/axes", "a flow has two axes");
    request.axes = {axes[0], axes[1]};
    const VectorD extent = readNumbers(file, "/extent", 2);
    request.extent = {extent[0], extent[1]};
}

/// Coordinates along a side, at least two that grow.
VectorD readSide(const Hdf5File& file, const char* name) {
    const auto shape = file.info(name).shape;
    if (shape.size() != 1 || shape[0] < 2 || shape[0] > 4096)
        refuseDataset(file, name, "a side of the grid has at least 2 cells");
    const VectorD side = readNumbers(file, name, shape[0]);
    for (Eigen::Index i = 0; i + 1 < side.size(); ++i)
        if (!(side[i] < side[i + 1])) refuseDataset(file, name, "its coordinates do not grow");
    return side;
}

}  // namespace

void writeFlowFile(const std::filesystem::path& path, const FlowFile& record, IfExists ifExists) {
    OutputFile output(path, ifExists);
    Hdf5File file = createLaboratoryFile(output, formatName, record.model);
    const Flow& flow = record.flow;
    const FlowRequest& request = flow.request;
    file.setAttribute("/", "point", request.point.value());
    file.setAttribute("/", "token", std::int64_t{request.token});
    file.setAttribute("/", "controls", std::int64_t{request.controls});
    file.setAttribute("/", "seed", static_cast<std::int64_t>(request.seed));
    file.setAttribute("/", "natural_token", std::int64_t{flow.naturalToken});
    file.setAttribute("/", "natural_probability", flow.naturalProbability);
    writePoints(file, "/points", record.points);
    writeText(file, "/text", record.text);
    writeList(file, "/ids", record.ids);
    writeVector<std::int32_t>(file, "/axes", request.axes);
    writeVector<double>(file, "/extent", request.extent);
    file.writeStrings("/axis_names", {flow.axisNames[0], flow.axisNames[1]});
    writeVector<double>(file, "/x", flow.x);
    writeVector<double>(file, "/y", flow.y);
    file.write<double>("/scores", flow.scores.data, {flow.scores.n0, flow.scores.n1, flow.scores.n2});
    writeList(file, "/likeliest", flow.likeliest);
    const Shape shape{flow.cells(), flow.points(), request.controls};
    forEachMatrix(flow, shape, [&](const char* name, const MatrixD& values, auto...) {
        if (values.size() > 0) writeArray(file, name, values);
    });
    forEachVector(flow, shape, [&](const char* name, const VectorD& values, auto) {
        if (values.size() > 0) writeVector<double>(file, name, values);
    });
    writeTokenTexts(file, record.tokenTexts);
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
    Flow& flow = record.flow;
    const auto points = static_cast<std::int64_t>(record.points.size());
    readRequest(file, points, flow.request);
    flow.naturalToken = static_cast<std::int32_t>(file.integerAttribute("/", "natural_token").value_or(-1));
    flow.naturalProbability = file.numberAttribute("/", "natural_probability").value_or(0);
    const auto names = file.readStrings("/axis_names");
    if (names.size() != 2) refuseDataset(file, "/axis_names", "a flow has two axes");
    flow.axisNames = {names[0], names[1]};
    flow.x = readSide(file, "/x");
    flow.y = readSide(file, "/y");
    flow.request.columns = static_cast<int>(flow.x.size());
    flow.request.rows = static_cast<int>(flow.y.size());
    const Shape shape{flow.x.size() * flow.y.size(), points - flow.request.point.value(),
                      flow.request.controls};
    readScores(file, shape, flow);
    flow.likeliest = file.read<std::int32_t>("/likeliest");
    if (static_cast<std::int64_t>(flow.likeliest.size()) != shape.cells)
        refuseDataset(file, "/likeliest", "there is not one token a cell");
    forEachMatrix(flow, shape,
                  [&](const char* name, MatrixD& values, std::int64_t rows, std::int64_t columns) {
                      if (rows * columns > 0) values = readMatrix(file, name, rows, columns);
                  });
    forEachVector(flow, shape, [&](const char* name, VectorD& values, std::int64_t count) {
        if (count > 0) values = readNumbers(file, name, count);
    });
    return record;
}

}  // namespace rheo

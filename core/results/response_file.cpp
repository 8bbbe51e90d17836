#include "core/results/response_file.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/results/laboratory_file.h"

namespace rheo {

namespace {

constexpr const char* formatName = "rheograph-response";

/// Vectors of one number a size, by name, so that writing and reading cannot disagree.
template <class R, class Visit>
void forEachVector(R& response, Visit visit) {
    visit("/distance", response.distance);
    visit("/relative", response.relative);
    visit("/kl", response.kl);
    visit("/probability", response.probability);
}

void addPlateau(MatrixD& rows, Eigen::Index row, const Plateau& p) {
    rows.row(row) << p.width, p.flatness, p.steepest, p.slope;
}

Plateau plateauIn(const MatrixD& rows, Eigen::Index row) {
    return {rows(row, 0), rows(row, 1), rows(row, 2), rows(row, 3)};
}

void writeSides(Hdf5File& file, const Response& response) {
    const auto sides = static_cast<Eigen::Index>(response.sides.size());
    const Eigen::Index controls = response.request.controls;
    MatrixD own(sides, 4), random(sides * controls, 4);
    std::vector<std::string> names;
    for (Eigen::Index i = 0; i < sides; ++i) {
        const ResponseSide& side = response.sides[static_cast<std::size_t>(i)];
        names.push_back(side.name);
        addPlateau(own, i, side.plateau);
        for (Eigen::Index k = 0; k < controls; ++k)
            addPlateau(random, i * controls + k, side.controls[static_cast<std::size_t>(k)]);
    }
    file.writeStrings("/sides", names);
    writeArray(file, "/plateaus", own);
    if (random.size() > 0) writeArray(file, "/control_plateaus", random);
}

void readSides(const Hdf5File& file, Response& response) {
    const auto names = file.readStrings("/sides");
    const auto sides = static_cast<Eigen::Index>(names.size());
    const Eigen::Index controls = response.request.controls;
    const MatrixD own = readMatrix(file, "/plateaus", sides, 4);
    MatrixD random;
    if (controls > 0) random = readMatrix(file, "/control_plateaus", sides * controls, 4);
    for (Eigen::Index i = 0; i < sides; ++i) {
        ResponseSide side{names[static_cast<std::size_t>(i)], plateauIn(own, i), {}};
        for (Eigen::Index k = 0; k < controls; ++k)
            side.controls.push_back(plateauIn(random, i * controls + k));
        response.sides.push_back(std::move(side));
    }
}

void readRequest(const Hdf5File& file, std::int64_t points, Response& response) {
    ResponseRequest& request = response.request;
    const std::int64_t point = file.integerAttribute("/", "point").value_or(-1);
    if (point < 0 || point >= points) refuseDataset(file, "point", "it is not one of the points");
    request.point = PointIndex{point};
    request.token = static_cast<int>(file.integerAttribute("/", "token").value_or(-1));
    request.seed = static_cast<std::uint64_t>(file.integerAttribute("/", "seed").value_or(0));
    request.controls = static_cast<int>(file.integerAttribute("/", "controls").value_or(0));
    if (request.controls < 0 || request.controls > 1024)
        refuseDataset(file, "controls", "their number is not from 0 to 1024");
    request.unit = file.numberAttribute("/", "unit").value_or(1);
    request.largest = file.numberAttribute("/", "largest").value_or(0);
    response.length = file.numberAttribute("/", "length").value_or(0);
    const auto vector = file.read<float>("/vector");
    (file.integerAttribute("/", "is_line").value_or(0) != 0 ? request.target : request.direction) =
        Eigen::Map<const VectorF>(vector.data(), static_cast<Eigen::Index>(vector.size()));
}

}  // namespace

void writeResponseFile(const std::filesystem::path& path, const ResponseFile& record, IfExists ifExists) {
    OutputFile output(path, ifExists);
    Hdf5File file = createLaboratoryFile(output, formatName, record.model);
    const Response& response = record.response;
    const ResponseRequest& request = response.request;
    const bool line = request.target.size() > 0;
    file.setAttribute("/", "point", request.point.value());
    file.setAttribute("/", "token", std::int64_t{request.token});
    file.setAttribute("/", "controls", std::int64_t{request.controls});
    file.setAttribute("/", "seed", static_cast<std::int64_t>(request.seed));
    file.setAttribute("/", "is_line", std::int64_t{line ? 1 : 0});
    file.setAttribute("/", "unit", request.unit);
    file.setAttribute("/", "largest", request.largest);
    file.setAttribute("/", "length", response.length);
    file.setAttribute("/", "along", record.along);
    file.setAttribute("/", "unit_name", record.unitName);
    writePoints(file, "/points", record.points);
    writeText(file, "/text", record.text);
    writeList(file, "/ids", record.ids);
    writeVector<float>(file, "/vector", line ? request.target : request.direction);
    writeVector<double>(file, "/sizes", response.sizes);
    forEachVector(response,
                  [&](const char* name, const VectorD& values) { writeVector<double>(file, name, values); });
    writeList(file, "/likeliest", response.likeliest);
    if (request.controls > 0) {
        writeArray(file, "/control_distance", response.controlDistance);
        writeArray(file, "/control_kl", response.controlKl);
    }
    writeSides(file, response);
    writeTokenTexts(file, record.tokenTexts);
    file.close();
    output.commit();
}

ResponseFile readResponseFile(const std::filesystem::path& path) {
    const Hdf5File file = openLaboratoryFile(path, formatName, "a response against size");
    ResponseFile record;
    record.points = readPoints(file, "/points");
    record.model = readModelAttributes(file, "/");
    record.text = readText(file, "/text");
    record.ids = file.read<std::int32_t>("/ids");
    record.tokenTexts = readTokenTexts(file);
    record.along = file.textAttribute("/", "along").value_or("");
    record.unitName = file.textAttribute("/", "unit_name").value_or("");
    Response& response = record.response;
    readRequest(file, static_cast<std::int64_t>(record.points.size()), response);
    const auto shape = file.info("/sizes").shape;
    if (shape.size() != 1 || shape[0] < 2 || shape[0] > 4096)
        refuseDataset(file, "/sizes", "a response has at least 2 sizes");
    response.sizes = readNumbers(file, "/sizes", shape[0]);
    forEachVector(response,
                  [&](const char* name, VectorD& values) { values = readNumbers(file, name, shape[0]); });
    response.likeliest = file.read<std::int32_t>("/likeliest");
    if (static_cast<std::int64_t>(response.likeliest.size()) != shape[0])
        refuseDataset(file, "/likeliest", "there is not one token a size");
    if (response.request.controls > 0) {
        response.controlDistance = readMatrix(file, "/control_distance", response.request.controls, shape[0]);
        response.controlKl = readMatrix(file, "/control_kl", response.request.controls, shape[0]);
    }
    readSides(file, response);
    return record;
}

}  // namespace rheo

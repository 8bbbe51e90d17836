#include "core/results/basis_file.h"

#include "core/base/error.h"
#include "core/results/laboratory_file.h"

namespace rheo {

namespace {

constexpr const char* basisFormat = "rheograph-basis";
constexpr const char* scoresFormat = "rheograph-scores";

std::vector<std::int64_t> shapeOf(const Hdf5File& file, const char* name, std::size_t axes) {
    auto shape = file.info(name).shape;
    if (shape.size() != axes) refuseDataset(file, name, std::to_string(axes) + " axes were expected");
    return shape;
}

}  // namespace

void writeBasisFile(const std::filesystem::path& path, const PcaBasis& basis, IfExists ifExists) {
    OutputFile output(path, ifExists);
    Hdf5File file = createLaboratoryFile(output, basisFormat, {});
    file.setAttribute("/", "scaling", std::string(scalingName(basis.scaling)));
    writeArray(file, "/components", basis.components);
    writeVector<double>(file, "/mean", basis.mean);
    writeVector<double>(file, "/variance", basis.variance);
    writeVector<double>(file, "/explained", basis.explained);
    if (basis.dual.size() > 0) writeArray(file, "/dual", basis.dual);
    if (!basis.names.empty()) file.writeStrings("/names", basis.names);
    if (!basis.toward.empty()) file.writeStrings("/toward", basis.toward);
    if (!basis.against.empty()) file.writeStrings("/against", basis.against);
    file.close();
    output.commit();
}

PcaBasis readBasisFile(const std::filesystem::path& path) {
    const Hdf5File file = openLaboratoryFile(path, basisFormat, "a basis");
    PcaBasis basis;
    const auto shape = shapeOf(file, "/components", 2);
    basis.components = readMatrix(file, "/components", shape[0], shape[1]);
    basis.mean = readNumbers(file, "/mean", shape[1]);
    basis.variance = readNumbers(file, "/variance", shape[0]);
    basis.explained = readNumbers(file, "/explained", shape[0]);
    if (file.exists("/dual")) basis.dual = readMatrix(file, "/dual", shape[0], shape[1]);
    const auto texts = [&](const char* name) {
        std::vector<std::string> found;
        if (file.exists(name)) found = file.readStrings(name);
        if (!found.empty() && static_cast<std::int64_t>(found.size()) != shape[0])
            refuseDataset(file, name, "there is not one text a component");
        return found;
    };
    basis.names = texts("/names");
    basis.toward = texts("/toward");
    basis.against = texts("/against");
    const std::string scaling = file.textAttribute("/", "scaling").value_or("");
    for (const Scaling known : {Scaling::Raw, Scaling::Rms, Scaling::FinalNorm})
        if (scaling == scalingName(known)) {
            basis.scaling = known;
            return basis;
        }
    refuseDataset(file, "/", "its attribute scaling is unknown: " + scaling);
}

void writeScoresFile(const std::filesystem::path& path, const ScoresFile& scores, IfExists ifExists) {
    OutputFile output(path, ifExists);
    Hdf5File file = createLaboratoryFile(output, scoresFormat, {});
    writeArray(file, "/scores", *scores.scores);
    if (scores.pointExplained && scores.pointExplained->size() > 0)
        writeArray(file, "/point_explained", *scores.pointExplained);
    file.close();
    output.commit();
}

ScoresFile readScoresFile(const std::filesystem::path& path) {
    const Hdf5File file = openLaboratoryFile(path, scoresFormat, "scores");
    const auto shape = shapeOf(file, "/scores", 3);
    auto scores = std::make_shared<Array3F>();
    scores->n0 = shape[0];
    scores->n1 = shape[1];
    scores->n2 = shape[2];
    scores->data = file.read<float>("/scores");
    ScoresFile read{std::move(scores), nullptr};
    if (file.exists("/point_explained")) {
        const auto size = shapeOf(file, "/point_explained", 2);
        read.pointExplained =
            std::make_shared<const MatrixD>(readMatrix(file, "/point_explained", size[0], size[1]));
    }
    return read;
}

}  // namespace rheo

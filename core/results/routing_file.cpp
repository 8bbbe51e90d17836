#include "core/results/routing_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/results/laboratory_file.h"

namespace rheo {

namespace {

constexpr const char* formatName = "rheograph-routing";

/// The vectors of a curve by name, so that writing and reading cannot disagree.
template <class Curve, class Visit>
void forEachVector(Curve& curve, Visit visit) {
    visit("observed", curve.observed);
    visit("mean", curve.mean);
    visit("low", curve.low);
    visit("high", curve.high);
    visit("p", curve.p);
}

template <class Routing, class Visit>
void forEachCurve(Routing& routing, Visit visit) {
    visit("balance", routing.balance);
    visit("token", routing.token);
    visit("next", routing.next);
}

/// A dataset of three axes, the first two of the given lengths. Throws Error(Format) for another shape.
template <class T>
Array3<T> readRows(const Hdf5File& file, const char* name, std::int64_t rows, std::int64_t blocks) {
    const auto shape = file.info(name).shape;
    if (shape.size() != 3 || shape[0] != rows || shape[1] != blocks || shape[2] < 1)
        refuseDataset(file, name,
                      fmt::format("its shape is ({}), and ({}, {}, ...) was expected", fmt::join(shape, ", "),
                                  rows, blocks));
    Array3<T> array;
    array.n0 = shape[0];
    array.n1 = shape[1];
    array.n2 = shape[2];
    array.data = file.read<T>(name);
    return array;
}

}  // namespace

void writeRoutingFile(const std::filesystem::path& path, const RoutingFile& record, IfExists ifExists) {
    OutputFile output(path, ifExists);
    Hdf5File file = createLaboratoryFile(output, formatName, record.model);
    const RoutingResult& routing = record.routing;
    file.setAttribute("/", "repeats", routing.repeats);
    file.setAttribute("/", "seed", static_cast<std::int64_t>(routing.seed));
    writeList(file, "/ids", record.ids);
    writeList(file, "/prompts", record.prompts);
    writeList(file, "/blocks", routing.blocks);
    writeArray(file, "/probabilities", routing.probabilities);
    file.write<std::int32_t>("/chosen", routing.chosen.data,
                             {routing.chosen.n0, routing.chosen.n1, routing.chosen.n2});
    writeArray(file, "/usage", routing.usage);
    writeArray(file, "/entropy", routing.entropy);
    forEachCurve(routing, [&](const std::string& group, const ChanceCurve& curve) {
        file.makeGroup("/" + group);
        forEachVector(curve, [&](const std::string& name, const VectorD& values) {
            writeVector<double>(file, ("/" + group + "/" + name).c_str(), values);
        });
    });
    writeTokenTexts(file, record.tokenTexts);
    file.close();
    output.commit();
}

RoutingFile readRoutingFile(const std::filesystem::path& path) {
    const Hdf5File file = openLaboratoryFile(path, formatName, "what routers did");
    RoutingFile record;
    record.model = readModelAttributes(file, "/");
    record.ids = file.read<std::int32_t>("/ids");
    record.prompts = file.read<std::int32_t>("/prompts");
    if (record.prompts.size() != record.ids.size() || record.ids.empty() || record.prompts.front() < 0 ||
        !std::is_sorted(record.prompts.begin(), record.prompts.end()))
        refuseDataset(file, "/prompts", "it does not give each token its prompt, in ascending order");
    RoutingResult& routing = record.routing;
    routing.repeats = file.integerAttribute("/", "repeats").value_or(0);
    routing.seed = static_cast<std::uint64_t>(file.integerAttribute("/", "seed").value_or(0));
    routing.blocks = file.read<std::int32_t>("/blocks");
    const auto rows = std::ssize(record.ids), blocks = std::ssize(routing.blocks);
    if (blocks < 1 || routing.blocks.front() < 0 ||
        std::adjacent_find(routing.blocks.begin(), routing.blocks.end(), std::greater_equal<>()) !=
            routing.blocks.end())
        refuseDataset(file, "/blocks", "these are not numbers of blocks, in ascending order");
    routing.probabilities = readRows<float>(file, "/probabilities", rows, blocks);
    routing.chosen = readRows<std::int32_t>(file, "/chosen", rows, blocks);
    const std::int64_t experts = routing.probabilities.n2;
    if (std::any_of(routing.chosen.data.begin(), routing.chosen.data.end(),
                    [&](std::int32_t expert) { return expert < 0 || expert >= experts; }))
        refuseDataset(file, "/chosen", fmt::format("it names other experts than 0 to {}", experts - 1));
    routing.usage = readMatrix(file, "/usage", blocks, experts);
    routing.entropy = readMatrix(file, "/entropy", rows, blocks);
    forEachCurve(routing, [&](const std::string& group, ChanceCurve& curve) {
        const std::int64_t length = group == "next" ? blocks - 1 : blocks;
        forEachVector(curve, [&](const std::string& name, VectorD& values) {
            values = readNumbers(file, ("/" + group + "/" + name).c_str(), length);
        });
    });
    record.tokenTexts = readTokenTexts(file);
    return record;
}

}  // namespace rheo

// Teleports, and what the commands of the laboratory write.
#include <cstdlib>

#include "core/results/intervened_file.h"
#include "core/results/teleport_file.h"
#include "tests/core/results/laboratory_examples.h"
#include "tests/fuzz/digest.h"
#include "tests/fuzz/flip_kinds.h"

using namespace rheo;
namespace fs = std::filesystem;

namespace rheo {

static void describe(Digest& digest, const Attribution& a) {
    digest.add(a.answer, a.foil, a.contribution, a.embedding, a.bias, a.edits, a.logit);
}
static void describe(Digest& digest, const ChanceCurve& c) {
    digest.add(c.observed, c.mean, c.low, c.high, c.p);
}
static void describe(Digest& digest, const Flow& f) {
    const FlowRequest& r = f.request;
    digest.add(r.point, r.token, r.axes, r.columns, r.rows, r.extent, r.controls, r.seed, f.axisNames, f.x,
               f.y, f.natural, f.scores, f.distance, f.distanceRms, f.contraction, f.contractionRms,
               f.controlContraction, f.controlContractionRms, f.likeliest, f.probability, f.kl,
               f.naturalToken, f.naturalProbability);
}
static void describe(Digest& digest, const Plateau& p) {
    digest.add(p.width, p.flatness, p.steepest, p.slope);
}
static void describe(Digest& digest, const ResponseSide& side) {
    digest.add(side.name, side.plateau, side.controls);
}
static void describe(Digest& digest, const SweepStep& step) {
    digest.add(step.factor, step.probability, step.entropy, step.perplexity, step.ids);
}

}  // namespace rheo

namespace {

void fill(Array3F& states, float first) {
    for (std::size_t i = 0; i < states.data.size(); ++i)
        states.data[i] = first + 0.25F * static_cast<float>(i);
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
    result.request.token = 1;
    result.request.state = VectorF::Random(24);
    result.request.controls = 2;
    result.request.seed = 4;
    result.natural.states = Array3F(2, 4, 24);
    result.teleported.states = Array3F(2, 4, 24);
    fill(result.natural.states, 1);
    fill(result.teleported.states, -3);
    result.natural.logits = VectorF::Random(50);
    result.teleported.logits = VectorF::Random(50);
    TeleportMeasures& m = result.measures;
    for (VectorD* values :
         {&m.distance, &m.distancePca, &m.relative, &m.retention, &m.angle, &m.direction, &m.distanceRms})
        *values = VectorD::Random(4);
    m.contraction = m.contractionRms = VectorD::Random(3);
    m.kl = 0.25;
    for (MatrixD* values : {&result.controlDistance, &result.controlDistanceRms, &result.controlPcaDistance,
                            &result.controlPcaDistanceRms})
        *values = MatrixD::Random(2, 4);
    file.shownIds = {7, 9};
    file.shownTexts = {"seven", "nine"};
    writeTeleportFile(path, file, IfExists::Refuse);
}
std::string readTeleport(const fs::path& path) {
    const TeleportFile file = readTeleportFile(path);
    const TeleportResult& r = file.result;
    const TeleportMeasures& m = r.measures;
    return digestOf(file.points, file.text, file.tokenIds, file.model, file.shownIds, file.shownTexts,
                    r.request.point, r.request.token, r.request.mode, r.request.state, r.request.components,
                    r.request.controls, r.request.seed, r.natural.states, r.natural.logits,
                    r.teleported.states, r.teleported.logits, m.distance, m.distancePca, m.relative,
                    m.retention, m.angle, m.direction, m.contraction, m.distanceRms, m.contractionRms, m.kl,
                    r.controlDistance, r.controlDistanceRms, r.controlPcaDistance, r.controlPcaDistanceRms);
}

void writeRouting(const fs::path& path) {
    writeRoutingFile(path, examples::routingRecord(), IfExists::Refuse);
}
std::string readRouting(const fs::path& path) {
    const RoutingFile file = readRoutingFile(path);
    const RoutingResult& r = file.routing;
    return digestOf(file.model, file.ids, file.prompts, file.tokenTexts, r.blocks, r.probabilities, r.chosen,
                    r.usage, r.entropy, r.balance, r.token, r.next, r.repeats, r.seed);
}

void writePatchMap(const fs::path& path) {
    PatchMapFile record = examples::patchMapRecord();
    record.map.request.along = MatrixD::Identity(2, 3);
    record.axisNames = {"one", "another"};
    writePatchMapFile(path, record, IfExists::Refuse);
}
std::string readPatchMap(const fs::path& path) {
    const PatchMapFile file = readPatchMapFile(path);
    const PatchRequest& r = file.map.request;
    return digestOf(file.points, file.model, file.cleanPieces, file.corruptedPieces, file.answerText,
                    file.foilText, file.axisNames, r.clean, r.corrupted, r.outcome, r.answer, r.foil,
                    r.cleanToken, r.along, file.map.effect, file.map.normalized, file.map.clean,
                    file.map.corrupted);
}

void writeFlow(const fs::path& path) {
    FlowFile record = examples::flowRecord();
    Flow deeper = record.flow;
    deeper.request.point = PointIndex{2};
    deeper.natural = MatrixD::Random(1, 2);
    deeper.scores = Array3<double>(6, 1, 2);
    deeper.distance = deeper.distanceRms = MatrixD::Random(6, 1);
    deeper.contraction = deeper.contractionRms = VectorD();
    deeper.controlContraction = deeper.controlContractionRms = MatrixD();
    record.deeper = {deeper};
    writeFlowFile(path, record, IfExists::Refuse);
}
std::string readFlow(const fs::path& path) {
    const FlowFile file = readFlowFile(path);
    return digestOf(file.points, file.model, file.text, file.ids, file.flow, file.deeper, file.tokenTexts);
}

void writeResponse(const fs::path& path) {
    writeResponseFile(path, examples::responseRecord(), IfExists::Refuse);
}
std::string readResponse(const fs::path& path) {
    const ResponseFile file = readResponseFile(path);
    const Response& r = file.response;
    const ResponseRequest& q = r.request;
    return digestOf(file.points, file.model, file.text, file.ids, file.along, file.unitName, file.tokenTexts,
                    q.point, q.token, q.direction, q.target, q.unit, q.largest, q.steps, q.controls, q.seed,
                    r.length, r.sizes, r.distance, r.relative, r.kl, r.controlDistance, r.controlKl,
                    r.likeliest, r.probability, r.sides);
}

void writeAttribution(const fs::path& path) {
    AttributionFile record = examples::attributionRecord();
    record.natural = record.attribution;
    record.natural->logit *= 2;
    record.intervention = "{}";
    writeAttributionFile(path, record, IfExists::Refuse);
}
std::string readAttribution(const fs::path& path) {
    const AttributionFile file = readAttributionFile(path);
    return digestOf(file.points, file.model, file.ids, file.pieces, file.answerText, file.foilText,
                    file.token, file.attribution, file.natural, file.intervention);
}

void writeIntervened(const fs::path& path) {
    IntervenedFile record;
    record.points = residualPoints(1, false);
    record.model = examples::identity();
    record.text = "a prompt";
    record.ids = {1, 2};
    Edit edit;
    edit.point = record.points[1];
    edit.vector = examples::vectorOf({1, 2, 3});
    record.intervention = {"push", {edit}};
    record.sampling.temperature = 0.5;
    InterveneResult& r = record.result;
    r.naturalIds = {3, 4};
    r.intervenedIds = {5, 6};
    r.natural = r.intervened = Array3F(4, 3, 3);
    fill(r.natural, 0);
    fill(r.intervened, 1);
    r.logitsNatural = r.logitsIntervened = VectorF::Random(10);
    r.kl = 0.125;
    r.naturalSurprise = {1, 2};
    r.intervenedSurprise = {3, 4};
    for (const double factor : {0.5, 1.0, 2.0})
        record.sweep.push_back({factor, factor / 8, factor / 2, factor * 3, {1, 2}});
    record.sweepToken = 3;
    record.naturalText = " and so";
    record.intervenedText = " or not";
    writeIntervenedFile(path, record, IfExists::Refuse);
}
std::string readIntervened(const fs::path& path) {
    const auto [file, edits] = readIntervenedText(path);
    const InterveneResult& r = file.result;
    return digestOf(edits, file.text, file.ids, file.naturalText, file.intervenedText, file.sweep,
                    r.naturalIds, r.intervenedIds, r.naturalSurprise, r.intervenedSurprise);
}

constexpr FlipKind kinds[] = {
    {"teleport", writeTeleport, readTeleport},       {"routing", writeRouting, readRouting},
    {"patch_map", writePatchMap, readPatchMap},      {"flow", writeFlow, readFlow},
    {"response", writeResponse, readResponse},       {"attribution", writeAttribution, readAttribution},
    {"intervened", writeIntervened, readIntervened},
};

}  // namespace

std::span<const FlipKind> laboratoryKinds() {
    return kinds;
}

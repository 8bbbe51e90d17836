#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>

#include "core/results/attribution_file.h"
#include "core/results/flow_file.h"
#include "core/results/patch_map_file.h"
#include "core/results/response_file.h"
#include "core/results/routing_file.h"

/// One of each kind of file of the laboratory, small, for tests of reading and writing them.
namespace examples {

using namespace rheo;

inline ModelIdentity identity(const std::string& weights = "aa") {
    ModelIdentity model;
    model.architecture = "llama";
    model.layers = 2;
    model.dModel = 3;
    model.vocabulary = 10;
    model.configSha256 = "cc";
    model.weightsSha256 = weights;
    return model;
}

inline VectorF vectorOf(std::initializer_list<float> values) {
    return Eigen::Map<const VectorF>(values.begin(), static_cast<Eigen::Index>(values.size()));
}

inline PatchMapFile patchMapRecord() {
    PatchMapFile record;
    record.points = residualPoints(1, false);
    record.model = identity();
    record.map.request = {{1, 2, 3}, {4, 5}, PatchOutcome::Probability, 7, -1, {1, -1}};
    record.map.effect.resize(2, 3);
    record.map.effect << 0.1, 0.2, 0.3, std::nan(""), std::nan(""), std::nan("");
    record.map.normalized = record.map.effect * 2;
    record.map.clean = 0.5;
    record.map.corrupted = 0.25;
    record.cleanPieces = {"a", " b", ""};
    record.corruptedPieces = {"c", " d"};
    record.answerText = " e";
    return record;
}

inline AttributionFile attributionRecord() {
    AttributionFile record;
    record.points = residualPoints(1, false);
    record.model = identity();
    record.ids = {4, 5};
    record.pieces = {"a", " b"};
    record.answerText = " c";
    record.token = 1;
    Attribution& a = record.attribution;
    a.answer = 7;
    a.contribution.resize(2, 2);
    a.contribution << 1, 2, 3, 4;
    a.embedding = a.bias = a.edits = a.logit = Eigen::Vector2d(0.5, 0.25);
    return record;
}

inline RoutingFile routingRecord() {
    RoutingFile record;
    record.model = identity();
    record.ids = {4, 5, 4};
    record.prompts = {0, 0, 1};
    record.tokenTexts = {{4, "a"}, {5, " b"}};
    RoutingResult& routing = record.routing;
    routing.blocks = {1, 3};
    routing.probabilities = Array3F(3, 2, 2);
    std::fill(routing.probabilities.data.begin(), routing.probabilities.data.end(), 0.5F);
    routing.chosen = Array3<std::int32_t>(3, 2, 1);
    routing.usage = MatrixD::Constant(2, 2, 0.5);
    routing.entropy = MatrixD::Constant(3, 2, 1);
    for (ChanceCurve* curve : {&routing.balance, &routing.token, &routing.next}) {
        const Eigen::Index length = curve == &routing.next ? 1 : 2;
        for (VectorD* values : {&curve->observed, &curve->mean, &curve->low, &curve->high, &curve->p})
            *values = VectorD::LinSpaced(length, 0.125, 0.25);
    }
    routing.repeats = 20;
    routing.seed = 3;
    return record;
}

inline FlowFile flowRecord() {
    FlowFile record;
    record.points = residualPoints(1, false);
    record.model = identity();
    record.text = "a \"b\"\n";
    record.ids = {1, 2};
    Flow& flow = record.flow;
    flow.request = {PointIndex{1}, 1, {0, 2}, 3, 2, {1.5, 2.5}, 2, 9};
    flow.axisNames = {"PC1", "c"};
    flow.x = VectorD::LinSpaced(3, -1, 2);
    flow.y = VectorD::LinSpaced(2, 0, 1);
    flow.natural = MatrixD::Random(2, 2);
    flow.scores = Array3<double>(6, 2, 2);
    for (std::size_t i = 0; i < 24; ++i) flow.scores.data[i] = 0.1 * static_cast<double>(i);
    flow.distance = MatrixD::Random(6, 2);
    flow.distanceRms = MatrixD::Random(6, 2);
    flow.contraction = VectorD::Random(1);
    flow.contractionRms = VectorD::Constant(1, std::nan(""));
    flow.controlContraction = MatrixD::Random(2, 1);
    flow.controlContractionRms = MatrixD::Random(2, 1);
    flow.likeliest = {5, 5, 6, 7, 5, 5};
    flow.probability = VectorD::Random(6);
    flow.kl = VectorD::Random(6);
    flow.naturalToken = 6;
    flow.naturalProbability = 0.25;
    record.tokenTexts = {{5, " five"}, {6, "six"}};
    return record;
}

inline ResponseFile responseRecord() {
    ResponseFile record;
    record.points = residualPoints(1, false);
    record.model = identity();
    record.ids = {1, 2};
    record.along = "pc1";
    record.unitName = "SD";
    Response& response = record.response;
    response.request.point = PointIndex{2};
    response.request.token = 0;
    response.request.direction = vectorOf({1, 2, 3});
    response.request.unit = 0.5;
    response.request.largest = 4;
    response.request.controls = 1;
    response.length = 0.5;
    response.sizes = VectorD::LinSpaced(3, -4, 4);
    response.distance = VectorD::Random(3);
    response.relative = VectorD::Random(3);
    response.kl = VectorD::Random(3);
    response.probability = VectorD::Random(3);
    response.likeliest = {3, 4, 4};
    response.controlDistance = MatrixD::Random(1, 3);
    response.controlKl = MatrixD::Random(1, 3);
    response.sides = {{"+", {1, 2, 3, 4}, {{5, 6, 7, 8}}}, {"-", {9, 10, 11, 12}, {{13, 14, 15, 16}}}};
    return record;
}

}  // namespace examples

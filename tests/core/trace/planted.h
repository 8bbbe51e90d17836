#pragma once

#include <string>

#include "core/trace/trace.h"

/// A trace whose every value is known from its place: what a reader should find.
namespace planted {

inline float value(std::int64_t row, std::int64_t point, std::int64_t unit) {
    return static_cast<float>(row) + static_cast<float>(point) / 64 + static_cast<float>(unit) / 4096;
}

inline rheo::TraceInfo info(int rows, int layers, int units) {
    rheo::TraceInfo info;
    info.points = rheo::residualPoints(layers, false);
    info.units = units;
    for (int n = 0; n < rows; ++n) {
        info.samples.push_back({std::string("sample ") + std::to_string(n) + " \xC3\xA9\n", {1, 2, n}});
        info.rows.push_back({n, 2, n});
    }
    rheo::ModelIdentity model;
    model.architecture = "llama";
    model.layers = layers;
    model.dModel = units;
    model.vocabulary = rows;
    model.dtype = "float32";
    model.configSha256 = "c";
    model.weightsSha256 = "w";
    info.model = model;
    return info;
}

inline rheo::Array3F states(const rheo::TraceInfo& info) {
    rheo::Array3F states(static_cast<std::int64_t>(info.rows.size()),
                         static_cast<std::int64_t>(info.points.size()), info.units);
    for (std::int64_t n = 0; n < states.n0; ++n)
        for (std::int64_t p = 0; p < states.n1; ++p)
            for (std::int64_t u = 0; u < states.n2; ++u) states.at(n, p)[u] = value(n, p, u);
    return states;
}

}  // namespace planted
